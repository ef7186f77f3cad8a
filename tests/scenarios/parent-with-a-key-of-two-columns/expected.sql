SELECT code, payer, plan FROM north.visit ORDER BY 1;
--> v1 | 05302 | Gold
--> v2 | 05302 | (null)
--> v3 | (null) | (null)
SELECT count(*) FROM acequia.parked;
--> 0
