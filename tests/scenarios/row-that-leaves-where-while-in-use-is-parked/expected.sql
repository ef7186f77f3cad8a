-- wait
SELECT id, code, price FROM north.code;
--> 501 | A00 | 11.00

SELECT count(*) FROM acequia.parked;
--> 0
