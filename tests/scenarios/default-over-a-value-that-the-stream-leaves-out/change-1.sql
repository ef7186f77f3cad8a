INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10, repeat('x', 20000)), (2, 'A01', 'Typhoid', 20, NULL);
