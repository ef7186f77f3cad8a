INSERT INTO hq.area VALUES (3, 'Moon', 3);
COMMIT;
DELETE FROM hq.area WHERE id = 3;
UPDATE hq.area SET name = 'The world' WHERE id = 1;
