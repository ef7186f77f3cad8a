SELECT id, code, description FROM north.code ORDER BY id;
--> 501 | A00 | first
--> 502 | A01 | second
--> 503 | A02 | third
--> 504 | A03 | fourth
