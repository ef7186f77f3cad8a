SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | Cholera, unspecified | 11.00
--> A01 | Typhoid | 20.00
