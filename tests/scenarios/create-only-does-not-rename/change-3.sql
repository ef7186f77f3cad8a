-- The same item still: no second row for it, and a new item may take the code that it left.
UPDATE hq.code SET price = 12 WHERE code = 'T1016-CM';
INSERT INTO hq.code VALUES (2, 'A00', 'Cholera', 10);
