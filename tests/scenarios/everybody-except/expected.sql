SELECT 'north', code FROM north.code UNION ALL SELECT 'south', code FROM south.code
UNION ALL SELECT 'east', code FROM east.code UNION ALL SELECT 'west', code FROM west.code ORDER BY 1;
--> north | A00
--> west | A00
