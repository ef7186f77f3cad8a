SELECT id, code FROM north.code;
--> 502 | A01

SELECT count(*) FROM acequia.parked;
--> 0
