SELECT rev_code, description FROM north.revenue_code ORDER BY 2;
--> 430 | Occupational therapy
--> 0420 | Physical therapy
--> 440 | Speech therapy
