SELECT code, label, list_price FROM north.code ORDER BY code;
--> A00 | Cholera, unspecified | 11.0000
--> A01 | Typhoid | 20.0000

SELECT count(*) FROM acequia.parked;
--> 0
