SELECT rev_code, description FROM north.revenue_code ORDER BY 1;
--> 0421 | Physical therapy visit
--> 0430 | Occupational therapy
--> 0999 | Of north

SELECT code, rev_code FROM north.code;
--> 97110 | 0421

-- Primary key and natural key are the same: no crosswalk is kept for it.
SELECT dataset FROM acequia.crosswalk;
--> code
