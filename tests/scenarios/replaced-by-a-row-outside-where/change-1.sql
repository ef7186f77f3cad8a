INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10), (2, 'A01', 'Typhoid', 20), (3, 'A02', 'Salmonella', 30);
