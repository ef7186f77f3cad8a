DELETE FROM hq.code WHERE id = 1;
COMMIT;
UPDATE hq.code SET price = 21 WHERE id = 2;
