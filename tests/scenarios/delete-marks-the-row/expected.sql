SELECT id, code, description, price, inactive FROM north.code ORDER BY code;
--> 501 | A00 | Cholera again | 11.00 | f
--> 502 | A01 | Typhoid | 20.00 | f

SELECT count(*) FROM acequia.parked;
--> 0
