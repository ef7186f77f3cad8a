SELECT code, description FROM north.code ORDER BY code;
--> A00 | of hq
--> A01 | of hq
--> A02 | of north
-- What north got from hq goes on to south, together with what north wrote itself.
SELECT code, description FROM south.code ORDER BY code;
--> A00 | of hq
--> A01 | of hq
--> A02 | of north
-- East gets only what north wrote itself.
SELECT code, description FROM east.code ORDER BY code;
--> A00 | of east
--> A02 | of north
