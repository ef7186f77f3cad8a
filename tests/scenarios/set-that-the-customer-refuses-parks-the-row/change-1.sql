INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10), (2, 'A01', 'Typhoid fever', 20), (3, 'A02', 'Shigella', 0);
