INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10, NULL), (2, 'A01', NULL, 20, '0430'), (3, 'A02', '', 30, ''), (4, 'A03', 'Shigella', 40, NULL);
