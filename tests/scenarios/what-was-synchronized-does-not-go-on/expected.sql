SELECT code, description FROM north.code ORDER BY code;
--> A00 | of hq
--> A01 | of north
SELECT code, description FROM south.code ORDER BY code;
--> A01 | of north
