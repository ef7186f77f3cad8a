SELECT code, description, price FROM north.code;
--> A00 | Cholera, unspecified | (null)
