SELECT code, description FROM north.code ORDER BY code;
--> A00 | Of north
--> A01 | Of north
--> A02 | Salmonella
