SELECT rev_code, description FROM north.revenue_code ORDER BY 1;
--> 0420 | of hq
--> 0430 | of region
