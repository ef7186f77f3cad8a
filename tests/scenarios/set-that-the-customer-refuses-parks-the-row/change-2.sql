UPDATE hq.code SET description = 'Typhoid' WHERE id = 2;
UPDATE hq.code SET price = 30 WHERE id = 3;
