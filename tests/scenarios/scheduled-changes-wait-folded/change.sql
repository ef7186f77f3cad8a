INSERT INTO hq.code VALUES (1, 'A00', 'First', 10), (2, 'A01', 'First', 20);
INSERT INTO hq.place VALUES (1, 'P1', 'First', 10);
COMMIT;
UPDATE hq.code SET description = 'Second' WHERE id = 1;
COMMIT;
UPDATE hq.code SET description = 'Third', price = 11 WHERE id = 1;
UPDATE hq.place SET description = 'Second';
