SELECT code, modifier FROM north.code;
--> 97110 | GP
SELECT key, reason, object FROM acequia.parked;
--> ["2"] | rejected | the natural key is NULL
