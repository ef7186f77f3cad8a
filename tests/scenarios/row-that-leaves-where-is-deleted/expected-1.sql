SELECT id, code, description FROM north.code ORDER BY code;
--> 501 | A00 | Cholera
--> 2 | A01 | Typhoid
--> 3 | A02 | Of north
