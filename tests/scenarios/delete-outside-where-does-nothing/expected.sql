-- Only the one that was given goes.
SELECT code, description FROM north.code ORDER BY code;
--> A00 | Of north
--> A01 | Of north

SELECT count(*) FROM acequia.parked;
--> 0
