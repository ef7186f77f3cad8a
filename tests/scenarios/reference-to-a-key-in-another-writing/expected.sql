-- Whoever refers to it says it as the customer does.
SELECT code, rev_code FROM north.cpt_code ORDER BY code;
--> 97110 | 0420
--> 97165 | 430
SELECT rev_code FROM north.revenue_code ORDER BY 1;
--> 0420
--> 430

SELECT count(*) FROM acequia.parked;
--> 0
