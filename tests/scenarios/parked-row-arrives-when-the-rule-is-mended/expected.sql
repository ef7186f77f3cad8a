-- wait
SELECT code, unit_price FROM north.code ORDER BY code;
--> A00 | 2.50
--> A01 | (null)

SELECT count(*) FROM acequia.parked;
--> 0
