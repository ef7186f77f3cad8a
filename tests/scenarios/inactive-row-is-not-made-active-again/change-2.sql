UPDATE hq.code SET inactive = true;
UPDATE hq.code SET inactive = false, price = 11;
