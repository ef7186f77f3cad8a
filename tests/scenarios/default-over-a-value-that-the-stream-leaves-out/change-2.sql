UPDATE hq.code SET price = price + 1;
