SELECT id = 1 AS "its own", code, description FROM north.code ORDER BY description;
--> f | Def | capital
--> t | ABC | of hq
SELECT key, reason FROM acequia.parked;
--> ["3"] | taken
