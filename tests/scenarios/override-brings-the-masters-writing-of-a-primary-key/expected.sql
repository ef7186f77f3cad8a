SELECT rev_code, description FROM north.revenue_code ORDER BY 2;
--> 0420 | Physical therapy
--> 0440 | Speech therapy

SELECT count(*) FROM acequia.parked;
--> 0
