SELECT code, short_name, price FROM north.code ORDER BY code;
--> A00 | Cholera | 10.00
--> A01 | Typhoid | 20.00
--> A02 | Shigella | 30.00

SELECT count(*) FROM acequia.parked;
--> 0
