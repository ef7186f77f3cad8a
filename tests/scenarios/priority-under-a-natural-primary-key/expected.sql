SELECT rev_code, description FROM north.revenue_code ORDER BY 1;
--> 0420 | of region 2 3
--> 0430 | of region 2 3

SELECT count(*) FROM acequia.parked;
--> 0
