SELECT code, description, price FROM hq.code EXCEPT SELECT code, description, price FROM north.code;
--> (no rows)
SELECT count(*), min(price), max(price) FROM north.code;
--> 5 | 1300.00 | 5296.00
SELECT count(*) FROM acequia.parked;
--> 0
