UPDATE region.code SET price = 21;
COMMIT;
DELETE FROM region.code;
