SELECT code, price FROM north.code ORDER BY code;
--> A00 | 10.00
--> A01 | 20.00
