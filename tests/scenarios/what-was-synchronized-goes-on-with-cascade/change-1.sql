INSERT INTO hq.code VALUES (1, 'A00', 'of hq'), (2, 'A01', 'of hq');
INSERT INTO north.code VALUES (502, 'A02', 'of north');
