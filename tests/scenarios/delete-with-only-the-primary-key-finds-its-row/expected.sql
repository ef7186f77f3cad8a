SELECT id > 100 AS "drawn in north", code FROM north.code ORDER BY code;
--> f | A00
--> t | A02
--> f | Z99
