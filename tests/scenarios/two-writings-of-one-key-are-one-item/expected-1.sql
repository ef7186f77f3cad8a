SELECT id, code, description FROM north.code;
--> 501 | G0283 | E-stim
SELECT key, reason FROM acequia.parked;
--> ["2"] | taken
