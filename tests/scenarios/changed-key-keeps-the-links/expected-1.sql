SELECT id, trim(code), price FROM north.code ORDER BY id;
--> 1 | A01 | 1.00
--> 501 | a00 | 10.00
--> 502 | a01 | 20.00
