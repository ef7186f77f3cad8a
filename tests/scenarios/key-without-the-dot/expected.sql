SELECT id, code FROM north.code ORDER BY id;
--> 2 | M54.59
--> 3 | M54.5

SELECT count(*) FROM acequia.parked;
--> 0
