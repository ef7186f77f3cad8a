SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | Cholera | 10.00
--> A01 | Typhoid fever, unspecified | 21.00
--> A02 | Salmonella | 30.00
