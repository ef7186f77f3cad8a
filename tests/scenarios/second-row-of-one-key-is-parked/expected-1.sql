SELECT id, code, description FROM north.code;
--> 501 | 05302 | One plan
SELECT key, reason FROM acequia.parked;
--> ["2"] | taken
