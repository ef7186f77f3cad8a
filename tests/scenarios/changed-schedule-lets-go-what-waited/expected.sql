-- wait
SELECT code, price FROM north.code ORDER BY code;
--> A00 | 11.00
--> A01 | 21.00

SELECT count(*) FROM acequia.parked;
--> 0
