SELECT * FROM (
SELECT 'north', 'code', code, description FROM north.code
UNION ALL SELECT 'north', 'place', code, description FROM north.place
) x ORDER BY 1, 2, 3;
--> north | code | A00 | of hq
--> north | place | P1 | Of north
--> north | place | P2 | of hq
