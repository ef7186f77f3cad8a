-- Codes go to nobody now, places to north alone. Nothing would stand in the way any more.
ALTER TABLE north.code DROP CONSTRAINT code_price_check;
ALTER TABLE north.place DROP CONSTRAINT place_price_check;
ALTER TABLE south.code DROP CONSTRAINT code_price_check;
ALTER TABLE south.place DROP CONSTRAINT place_price_check;
-- acequia parked retry
