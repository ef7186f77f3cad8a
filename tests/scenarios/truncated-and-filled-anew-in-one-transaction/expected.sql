SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | Cholera, unspecified | 11.00
--> A03 | Shigella | 40.00

SELECT count(*) FROM acequia.parked;
--> 0
