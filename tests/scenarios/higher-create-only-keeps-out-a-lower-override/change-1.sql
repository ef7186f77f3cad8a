INSERT INTO hq.code VALUES (1, 'A00', 'of hq', 10), (2, 'A01', 'of hq', 20);
