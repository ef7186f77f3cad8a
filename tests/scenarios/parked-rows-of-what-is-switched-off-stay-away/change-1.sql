INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 90);
INSERT INTO hq.place VALUES (1, 'P1', 'Main street', 90);
