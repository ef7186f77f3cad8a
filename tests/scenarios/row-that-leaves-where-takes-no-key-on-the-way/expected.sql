-- wait
SELECT code, description, shelf FROM north.code ORDER BY code;
--> A00 | Typhoid | (null)
--> A01 | back | left
--> B00 | back | left
--> B01 | Herpes | (null)

SELECT code, description FROM south.code ORDER BY code;
--> A00 | Typhoid
--> A01 | back
--> B00 | back
--> B01 | Herpes

-- wait
SELECT count(*) FROM acequia.parked;
--> 0
