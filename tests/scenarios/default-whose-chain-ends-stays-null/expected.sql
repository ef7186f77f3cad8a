SELECT 'north', code, rev_code FROM north.cpt_code UNION ALL SELECT 'south', code, rev_code FROM south.cpt_code ORDER BY 1, 2;
--> north | 97110 | X
--> north | 97165 | (null)
--> south | 97110 | X
--> south | 97165 | (null)

SELECT count(*) FROM acequia.parked;
--> 0
