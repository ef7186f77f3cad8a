INSERT INTO hq.code VALUES (1, 'a00', 'Cholera', 10), (2, 'a01', NULL, 120), (3, 'a02', 'Salmonella', NULL);
