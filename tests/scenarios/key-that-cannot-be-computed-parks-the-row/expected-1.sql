SELECT id, code, description FROM north.code ORDER BY description DESC;
--> 7 | 007 | Seven
--> 501 | 9 | Nine
SELECT key, reason, sqlstate FROM acequia.parked;
--> ["2"] | rejected | 22P02
