SELECT 'north', code, department FROM north.code UNION ALL SELECT 'south', code, department FROM south.code ORDER BY 1, 2;
--> north | A00 | Shared
--> south | A00 | (null)
--> south | A01 | (null)
