SELECT * FROM (
SELECT 'north', 'code', code, description FROM north.code
UNION ALL SELECT 'north', 'place', code, description FROM north.place
UNION ALL SELECT 'south', 'code', code, description FROM south.code
UNION ALL SELECT 'south', 'place', code, description FROM south.place
UNION ALL SELECT 'east', 'code', code, description FROM east.code
UNION ALL SELECT 'east', 'place', code, description FROM east.place
) x ORDER BY 1, 2, 3;
--> east | code | A00 | of hq
--> east | code | A01 | of hq
--> east | place | P1 | Of east
--> east | place | P2 | of hq
--> north | code | A00 | Of north
--> north | code | A01 | of hq
--> north | place | P1 | of hq
--> north | place | P2 | of hq
--> south | code | A00 | of hq
--> south | code | A01 | of hq
--> south | place | P1 | of hq
--> south | place | P2 | of hq
