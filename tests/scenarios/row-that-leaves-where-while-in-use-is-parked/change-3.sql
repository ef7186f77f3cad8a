UPDATE hq.code SET inactive = false, price = 11 WHERE id = 1;
DELETE FROM north.charge WHERE code_id = 502;
-- acequia parked retry
