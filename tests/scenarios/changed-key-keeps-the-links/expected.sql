SELECT id, trim(code), price FROM north.code ORDER BY id;
--> 1 | A01 | 1.00
--> 501 | a00 | 11.00
--> 502 | a01 | 21.00
--> 503 | A02 | 30.00

SELECT count(*) FROM acequia.parked;
--> 0
