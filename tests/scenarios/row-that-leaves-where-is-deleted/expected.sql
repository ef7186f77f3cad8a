SELECT id, code, description FROM north.code ORDER BY code;
--> 502 | A00 | Cholera
--> 3 | A02 | Of north
