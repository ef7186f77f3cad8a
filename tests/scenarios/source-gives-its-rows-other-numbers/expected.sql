SELECT id, code, description FROM north.code ORDER BY id;
--> 502 | A01 | second, number 1
--> 503 | A02 | third, number 4
--> 504 | A03 | fourth, number 3

SELECT count(*) FROM acequia.parked;
--> 0
