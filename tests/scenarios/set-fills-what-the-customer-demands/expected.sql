SELECT code, department FROM north.code;
--> A00 | Shared

SELECT count(*) FROM acequia.parked;
--> 0
