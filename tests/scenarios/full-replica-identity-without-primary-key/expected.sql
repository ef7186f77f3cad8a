SELECT code, description, price FROM north.code ORDER BY code;
--> A00.0 | Cholera | 10.00
--> A01 | Typhoid fever | (null)

SELECT count(*) FROM acequia.parked;
--> 0
