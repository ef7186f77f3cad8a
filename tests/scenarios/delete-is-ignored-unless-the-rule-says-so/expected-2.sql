SELECT code, description FROM north.code;
--> A00 | Cholera
