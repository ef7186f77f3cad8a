SELECT * FROM (
SELECT 'north', 'code', code, price FROM north.code
UNION ALL SELECT 'north', 'place', code, price FROM north.place
UNION ALL SELECT 'south', 'code', code, price FROM south.code
UNION ALL SELECT 'south', 'place', code, price FROM south.place
) x ORDER BY 1, 2, 3;
--> north | code | A00 | 11.00
--> north | code | A01 | 20.00
--> north | place | P2 | 20.00
--> south | code | A00 | 11.00
--> south | place | P2 | 20.00
