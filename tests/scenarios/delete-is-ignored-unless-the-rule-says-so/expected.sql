SELECT code, description, price FROM north.code;
--> A00 | Cholera, unspecified | 11.00
