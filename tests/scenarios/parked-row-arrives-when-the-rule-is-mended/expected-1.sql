SELECT code FROM north.code;
--> A00
