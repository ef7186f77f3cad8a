SELECT 'annex', description FROM annex.code UNION ALL SELECT 'east', description FROM east.code UNION ALL SELECT 'north', description FROM north.code
UNION ALL SELECT 'south', description FROM south.code UNION ALL SELECT 'west', description FROM west.code ORDER BY 1;
--> annex | of lab
--> east | of region
--> north | of hq
--> south | of hq
--> west | of lab
