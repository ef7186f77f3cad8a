UPDATE hq.code SET price = 13 WHERE id = 1;
UPDATE hq.code SET price = 14 WHERE id = 2;
