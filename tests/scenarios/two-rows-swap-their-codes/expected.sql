SELECT id, code, description, price FROM north.code ORDER BY id;
--> 501 | A01 | first | 10.00
--> 502 | A00 | second | 20.00
--> 503 | A02 | third | 31.00

SELECT count(*) FROM acequia.parked;
--> 0
