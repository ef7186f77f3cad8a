INSERT INTO hq.code VALUES (1, 'A00', 'of hq', 10);
INSERT INTO north.code VALUES (501, 'A01', 'of north', 20);
