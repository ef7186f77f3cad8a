INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10), (2, 'A01', 'Typhoid', 20), (3, 'A02', 'Salmonella', 30);
COMMIT;
UPDATE hq.code SET price = price + 1, code = code || '.0' WHERE id < 3;
