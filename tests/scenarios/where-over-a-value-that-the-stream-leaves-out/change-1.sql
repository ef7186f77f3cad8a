INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10, repeat('x', 20000) || 'public'), (2, 'A01', 'Typhoid', 20, repeat('x', 20000) || 'private');
