SELECT id, code FROM north.code ORDER BY code;
--> 501 | A00
--> 2 | A01
