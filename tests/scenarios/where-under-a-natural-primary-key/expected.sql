SELECT rev_code, description FROM north.revenue_code ORDER BY 1;
--> 0420 | Physical therapy
--> 0430 | Of north
