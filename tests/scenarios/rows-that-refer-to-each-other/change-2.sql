UPDATE hq.area SET inside = NULL WHERE id = 1;
DELETE FROM hq.area WHERE id = 2;
