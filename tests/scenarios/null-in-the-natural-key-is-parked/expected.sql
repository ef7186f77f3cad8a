SELECT code, modifier, price FROM north.code ORDER BY modifier DESC;
--> 97110 | GP | 10.00
--> 97110 | GO | 20.00
SELECT count(*) FROM acequia.parked;
--> 0
