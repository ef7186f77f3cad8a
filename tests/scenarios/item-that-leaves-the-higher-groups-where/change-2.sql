UPDATE hq.code SET price = 60;
