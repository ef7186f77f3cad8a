SELECT rev_code, description FROM north.revenue_code ORDER BY 1;
--> 0420 | Occupational therapy
--> 0430 | Physical
--> 0440 | Speech
SELECT code, rev_code FROM north.code ORDER BY 1;
--> 97110 | 0430
--> 97165 | 0420

SELECT count(*) FROM acequia.parked;
--> 0
