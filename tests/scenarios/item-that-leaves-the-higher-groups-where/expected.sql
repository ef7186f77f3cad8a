SELECT id, code, description, price FROM north.code;
--> 501 | A00 | of hq | 11.00

SELECT count(*) FROM acequia.parked;
--> 0
