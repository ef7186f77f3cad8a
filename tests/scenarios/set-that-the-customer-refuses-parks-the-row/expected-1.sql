SELECT code FROM north.code;
--> A00
SELECT key, reason, sqlstate FROM acequia.parked ORDER BY key;
--> ["2"] | rejected | 22001
--> ["3"] | rejected | 23502
