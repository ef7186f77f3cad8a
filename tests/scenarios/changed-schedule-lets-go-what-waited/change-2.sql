UPDATE hq.code SET price = 21 WHERE id = 2;
