INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10);
