DELETE FROM north.code;
COMMIT;
UPDATE hq.code SET price = 11 WHERE id = 1;
