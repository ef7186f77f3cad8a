SELECT rev_code, description FROM north.revenue_code ORDER BY 1;
--> 0430 | Of north
--> 0440 | Speech therapy
