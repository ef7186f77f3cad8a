UPDATE hq.area SET name = 'The world' WHERE id = 9;
UPDATE hq.area SET inside = 5 WHERE id = 1;
