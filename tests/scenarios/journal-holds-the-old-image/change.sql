UPDATE hq.code SET price = 11 WHERE id = 1;
UPDATE hq.code SET price = 31 WHERE id = 3;
COMMIT;
-- Equal already: nothing to remember.
UPDATE hq.code SET price = 20 WHERE id = 2;
DELETE FROM hq.code WHERE id = 3;
UPDATE hq.code SET price = 13 WHERE id = 1;
