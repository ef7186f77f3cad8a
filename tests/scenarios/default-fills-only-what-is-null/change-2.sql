UPDATE hq.code SET rev_code = '0440' WHERE id = 1;
UPDATE hq.code SET rev_code = NULL WHERE id = 2;
