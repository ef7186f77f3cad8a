UPDATE hq.code SET code = 'G0284' WHERE id = 2;
