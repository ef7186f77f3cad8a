SELECT * FROM (
SELECT 'north', 'code', code, description FROM north.code
UNION ALL SELECT 'north', 'place', code, description FROM north.place
UNION ALL SELECT 'south', 'code', code, description FROM south.code
UNION ALL SELECT 'south', 'place', code, description FROM south.place
) x ORDER BY 1, 2, 3;
--> south | code | A00 | Third
--> south | code | A01 | First
-- The newest state of each is kept.
SELECT to_customer, dataset, key, reason, payload ->> 'description' FROM acequia.parked ORDER BY 1, 2, 3;
--> north | code | ["1"] | scheduled | Third
--> north | code | ["2"] | scheduled | First
--> north | place | ["1"] | scheduled | Second
--> south | place | ["1"] | scheduled | Second
