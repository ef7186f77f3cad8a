-- Later it does no more, and another one does.
UPDATE hq.area SET inside = NULL WHERE id = 1;
UPDATE hq.area SET inside = 2, name = 'The country' WHERE id = 2;
