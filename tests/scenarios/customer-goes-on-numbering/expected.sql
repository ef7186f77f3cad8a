SELECT code, id BETWEEN 501 AND 600 AS "own number" FROM north.code ORDER BY code;
--> A00 | t
--> A01 | t
--> A02 | t
--> A03 | t
--> B00 | t
--> B01 | t

SELECT count(*) FROM acequia.parked;
--> 0
