-- As a whole row, also where the stream brings only a part of it.
UPDATE hq.code SET price = 11 WHERE id = 1;
UPDATE hq.code SET code = 'A01.0' WHERE id = 2;
