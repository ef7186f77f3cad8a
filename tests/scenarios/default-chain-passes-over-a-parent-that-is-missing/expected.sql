SELECT name, cpt_seq IS NULL AS "no code", rev_code FROM north.line ORDER BY name;
--> given | f | 0420
--> none | t | 0001
--> not given | t | 0001

SELECT count(*) FROM acequia.parked;
--> 0
