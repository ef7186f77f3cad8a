SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | of region | 21.00
