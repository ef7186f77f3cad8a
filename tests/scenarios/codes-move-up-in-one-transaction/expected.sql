SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | fourth | 40.00
--> A01 | first | 10.00
--> A02 | second | 20.00

SELECT count(*) FROM acequia.parked;
--> 0
