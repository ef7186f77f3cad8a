UPDATE hq.code SET code = '8' WHERE id = 2;
