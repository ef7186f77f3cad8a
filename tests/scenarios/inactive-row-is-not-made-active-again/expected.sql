SELECT id, description, price, inactive FROM north.code;
--> 1 | Retired by north | 1.00 | t

SELECT count(*) FROM acequia.parked;
--> 0
