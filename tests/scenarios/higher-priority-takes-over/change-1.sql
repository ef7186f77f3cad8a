INSERT INTO region.code VALUES (1, 'A00', 'of region', 20);
