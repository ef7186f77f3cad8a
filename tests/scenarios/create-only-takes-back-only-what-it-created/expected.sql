SELECT id, code, description FROM north.code;
--> 2 | A01 | Of north

SELECT count(*) FROM acequia.parked;
--> 0
