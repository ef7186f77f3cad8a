SELECT count(*), min(price), max(price), sum(price) FROM north.code;
--> 9999 | 1.00 | 10000.00 | 50000000.00
SELECT count(*) FROM south.code;
--> 10000
SELECT to_customer, key, reason, sqlstate FROM acequia.parked;
--> north | ["5000"] | rejected | 23514
