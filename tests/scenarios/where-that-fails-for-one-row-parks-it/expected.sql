SELECT code, units FROM north.code ORDER BY code;
--> A00 | 5
--> A01 | 2
--> A02 | 1

SELECT count(*) FROM acequia.parked;
--> 0
