SELECT rev_code, description FROM north.revenue_code ORDER BY rev_code;
--> 0430 | Of north
--> 420 | Of north
--> 440 | Speech therapy

SELECT count(*) FROM acequia.parked;
--> 0
