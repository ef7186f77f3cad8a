-- One transaction of all three.
INSERT INTO hq.code VALUES (1, 'A00', 'of hq', 10);
INSERT INTO region.code VALUES (1, 'A00', 'of region', 20);
INSERT INTO lab.code VALUES (1, 'A00', 'of lab', 30);
