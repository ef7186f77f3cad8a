SELECT code, description FROM north.code ORDER BY code;
--> G0283 | E-stim
--> G0284 | E-stim once more

SELECT count(*) FROM acequia.parked;
--> 0
