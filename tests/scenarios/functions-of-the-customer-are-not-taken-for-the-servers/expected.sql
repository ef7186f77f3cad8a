SELECT id, code, description, label FROM north.code ORDER BY code;
--> 1 | a00 | Cholera | A00
--> 501 | a01 | Typhoid | A01

SELECT count(*) FROM acequia.parked;
--> 0
