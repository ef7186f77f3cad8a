INSERT INTO hq.code VALUES (1, 'A00', 'of hq', 10);
INSERT INTO region.code VALUES (1, 'A00', 'of region', 20);
