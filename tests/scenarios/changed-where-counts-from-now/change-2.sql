UPDATE hq.code SET description = 'changed' WHERE id IN (1, 3);
