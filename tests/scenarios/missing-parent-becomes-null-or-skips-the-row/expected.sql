SELECT code, rev_code FROM north.code_null ORDER BY code;
--> 97110 | 0420
--> 97165 | (null)
--> 99213 | (null)

SELECT code, rev_code FROM north.code_skip ORDER BY code;
--> 97110 | 0420
--> 99213 | (null)

SELECT count(*) FROM acequia.parked;
--> 0
