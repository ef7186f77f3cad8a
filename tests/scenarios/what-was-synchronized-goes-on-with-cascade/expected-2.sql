SELECT code, description FROM south.code ORDER BY code;
--> A02 | of north
--> B01 | renamed by hq
SELECT code, description FROM east.code ORDER BY code;
--> A00 | of east
--> A02 | of north
