INSERT INTO hq.code (code, price) VALUES ('t1016-cm', 10);
COMMIT;
UPDATE hq.code SET price = 11;
