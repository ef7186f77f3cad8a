SELECT * FROM (
SELECT 'north', 'code', code, description, origin, shelf, master_id FROM north.code
UNION ALL SELECT 'north', 'place', code, description, origin, shelf, master_id FROM north.place
UNION ALL SELECT 'south', 'code', code, description, origin, shelf, master_id FROM south.code
UNION ALL SELECT 'south', 'place', code, description, origin, shelf, master_id FROM south.place
) x ORDER BY 1, 2, 3;
--> north | code | A00 | none | Acequia | codes | 41
--> north | place | P1 | none | Acequia | nowhere | (null)
--> south | code | A00 | A00 | Acequia | south, codes | 41
--> south | place | P1 | none | Acequia | south | (null)
