INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10, true), (3, 'A02', 'Salmonella', 30, false);
