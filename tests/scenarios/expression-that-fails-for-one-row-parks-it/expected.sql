SELECT code, unit_price FROM north.code ORDER BY code;
--> A00 | 2.50
--> A01 | 2.50
--> A02 | 6.00

SELECT count(*) FROM acequia.parked;
--> 0
