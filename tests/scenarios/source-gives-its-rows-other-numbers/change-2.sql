-- The numbers 1 and 2 change places; 3 becomes 4, and another row becomes 3.
UPDATE hq.code SET id = 99 WHERE id = 1;
UPDATE hq.code SET id = 1 WHERE id = 2;
UPDATE hq.code SET id = 2 WHERE id = 99;
UPDATE hq.code SET id = 4 WHERE id = 3;
INSERT INTO hq.code VALUES (3, 'A03', 'fourth', 40);
