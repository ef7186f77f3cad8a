INSERT INTO hq.code VALUES (1, 'a00', 'Cholera', 10), (2, ' a01', 'Typhoid', 20);
