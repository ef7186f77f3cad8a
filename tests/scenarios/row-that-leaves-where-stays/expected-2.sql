SELECT id, code, description, price, inactive FROM north.code;
--> 501 | A00 | Cholera | 10.00 | f
