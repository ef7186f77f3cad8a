UPDATE region.code SET price = 21;
UPDATE hq.code SET price = 11;
