SELECT code FROM north.code ORDER BY code;
--> A00
--> A02
SELECT key, reason, sqlstate FROM acequia.parked;
--> ["2"] | rejected | 22012
