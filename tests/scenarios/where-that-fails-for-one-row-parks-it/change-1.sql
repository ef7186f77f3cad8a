INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10, 5), (2, 'A01', 'Typhoid', 20, 0), (3, 'A02', 'Salmonella', 30, 1);
