UPDATE hq.code SET units = 2 WHERE id = 2;
