INSERT INTO hq.code VALUES (1, 'A00', 'first', 10), (2, 'A01', 'second', 20), (3, 'A02', 'third', 30);
