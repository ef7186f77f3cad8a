SELECT code, description FROM north.code ORDER BY code;
--> A00 | Cholera
--> Z98 | Of north
--> Z99 | Of north
