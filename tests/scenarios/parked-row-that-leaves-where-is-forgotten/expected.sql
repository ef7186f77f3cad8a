SELECT code FROM north.code;
--> A01

SELECT count(*) FROM acequia.parked;
--> 0
