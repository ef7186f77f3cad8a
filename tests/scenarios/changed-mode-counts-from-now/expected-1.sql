SELECT id, code, price FROM north.code ORDER BY code;
--> 501 | A00 | 10.00
--> 1 | A01 | 1.00
--> 502 | A02 | 30.00
