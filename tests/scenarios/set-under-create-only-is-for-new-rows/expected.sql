SELECT code, department, price FROM north.code ORDER BY code;
--> A00 | Aquatics | 1.00
--> A01 | North's choice | 20.00
