INSERT INTO hq.code VALUES (1, 'A00', 'first', 10), (2, 'A01', 'second', 20);
