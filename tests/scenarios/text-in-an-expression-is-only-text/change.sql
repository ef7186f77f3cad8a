INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10), (2, 's.code; -- /* $1 {} %s', 'Not given', 20);
