SELECT rev_code, description, inactive FROM north.revenue_code ORDER BY 1;
--> 0420 | Physical therapy | t
--> 0430 | Occupational therapy | f
