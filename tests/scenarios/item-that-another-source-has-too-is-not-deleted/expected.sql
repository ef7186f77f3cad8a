SELECT count(*) FROM north.code;
--> 0

SELECT count(*) FROM acequia.parked;
--> 0
