SELECT id, code, description FROM north.code ORDER BY code;
--> 501 | A00 | of region
--> 502 | A01 | of hq
