INSERT INTO region.code VALUES (1, 'A00', 'of region', 20), (2, 'A01', 'of region', 20), (3, 'A02', 'of region', 20);
COMMIT;
UPDATE region.code SET price = 21;
