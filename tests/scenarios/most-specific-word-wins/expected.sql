SELECT * FROM (
SELECT 'north', 'code', code FROM north.code
UNION ALL SELECT 'north', 'place', code FROM north.place
UNION ALL SELECT 'south', 'code', code FROM south.code
UNION ALL SELECT 'south', 'place', code FROM south.place
UNION ALL SELECT 'east', 'code', code FROM east.code
UNION ALL SELECT 'east', 'place', code FROM east.place
) x ORDER BY 1, 2, 3;
--> east | code | A00
--> east | place | P1
--> north | code | A00
--> north | place | P1
--> south | code | A00
--> south | code | A01
--> south | place | P1
--> south | place | P2
