-- It is the same row, and in step again.
SELECT id, code, description, price, inactive FROM north.code;
--> 501 | A00.9 | Cholera, unspecified | 99.00 | f

SELECT count(*) FROM acequia.parked;
--> 0
