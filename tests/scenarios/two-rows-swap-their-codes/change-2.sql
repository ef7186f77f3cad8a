-- In steps that a unique constraint takes; as one set, it would not.
UPDATE hq.code SET code = 'swapping' WHERE id = 1;
UPDATE hq.code SET code = 'A00' WHERE id = 2;
UPDATE hq.code SET code = 'A01' WHERE id = 1;
UPDATE hq.code SET price = 31 WHERE id = 3;
