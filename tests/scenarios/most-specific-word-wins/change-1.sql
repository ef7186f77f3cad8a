INSERT INTO hq.code VALUES (1, 'A00', 'of hq', 10), (2, 'A01', 'of hq', 20);
INSERT INTO hq.place VALUES (1, 'P1', 'of hq', 10), (2, 'P2', 'of hq', 20);
