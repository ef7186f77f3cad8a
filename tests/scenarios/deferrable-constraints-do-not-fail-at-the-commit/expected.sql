SELECT code, rev_code FROM north.code ORDER BY code;
--> 97110 | 0420
--> 97165 | 0430
SELECT rev_code FROM north.revenue_code ORDER BY 1;
--> 0420
--> 0430
SELECT dataset, key, reason FROM acequia.parked;
--> code | ["2"] | missing_parent
