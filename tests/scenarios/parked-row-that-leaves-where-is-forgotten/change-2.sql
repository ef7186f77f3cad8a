UPDATE hq.code SET inactive = true;
COMMIT;
-- Now it could be written, if it were to be.
ALTER TABLE north.code DROP CONSTRAINT code_price_check;
-- acequia parked retry
