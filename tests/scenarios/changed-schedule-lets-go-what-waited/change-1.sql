INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10), (2, 'A01', 'Typhoid', 20);
COMMIT;
UPDATE hq.code SET price = 11 WHERE id = 1;
