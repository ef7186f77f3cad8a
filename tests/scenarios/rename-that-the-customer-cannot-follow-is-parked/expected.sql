SELECT rev_code, description FROM north.revenue_code ORDER BY 1;
--> 0420 | Physical therapy
--> 0431 | Occupational therapy
SELECT key, reason, sqlstate FROM acequia.parked;
--> ["0421"] | rejected | 23503
