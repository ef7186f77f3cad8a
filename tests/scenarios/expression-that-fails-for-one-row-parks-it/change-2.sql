UPDATE hq.code SET units = 8 WHERE id = 2;
