-- The row that region brought is hq's now, under the same number.
SELECT id, code, description, price FROM north.code;
--> 501 | A00 | of hq | 10.00

SELECT count(*) FROM acequia.parked;
--> 0
