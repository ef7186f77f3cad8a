SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | of hq | 10.00
--> A01 | of region | 31.00
