SELECT id, code, description, price FROM north.code;
--> 501 | A00 | of region | 21.00
