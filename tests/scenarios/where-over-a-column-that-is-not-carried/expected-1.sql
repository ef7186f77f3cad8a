SELECT id, code FROM north.code;
--> 501 | A00
