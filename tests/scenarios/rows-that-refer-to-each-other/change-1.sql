INSERT INTO hq.area VALUES (1, 'North', NULL), (2, 'South', 1);
UPDATE hq.area SET inside = 2 WHERE id = 1;
