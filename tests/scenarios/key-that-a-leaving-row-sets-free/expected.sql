SELECT code, description FROM north.code ORDER BY code;
--> A00 | Cholera
--> A01 | Typhoid

SELECT count(*) FROM acequia.parked;
--> 0
