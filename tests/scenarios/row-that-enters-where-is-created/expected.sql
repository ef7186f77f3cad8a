SELECT code, description, price, inactive FROM north.code ORDER BY code;
--> A00 | Cholera | 10.00 | f
--> A01 | Typhoid fever | 20.00 | f
--> Z99 | Older than the rule | 91.00 | f
