-- The last one makes room, and everyone takes the next one's name.
DELETE FROM hq.code WHERE id = 3;
UPDATE hq.code SET code = 'A02' WHERE id = 2;
UPDATE hq.code SET code = 'A01' WHERE id = 1;
INSERT INTO hq.code VALUES (4, 'A00', 'fourth', 40);
