UPDATE hq.code SET price = 11;
COMMIT;
UPDATE region.code SET price = 22;
