-- Two masters with one code and different prices.
INSERT INTO hq.code VALUES (1, 'A00', 'of hq', 10);
INSERT INTO region.code VALUES (1, 'A00', 'of region', 20), (2, 'A01', 'of region', 30);
