SELECT code FROM north.code;
--> A01
SELECT key, reason FROM acequia.parked;
--> ["1"] | rejected
