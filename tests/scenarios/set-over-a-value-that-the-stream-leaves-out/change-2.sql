UPDATE hq.code SET price = 11;
