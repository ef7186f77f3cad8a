INSERT INTO hq.code VALUES (1, '05302', 'The plan', 9), (2, 'A00', 'Cholera', 10);
