SELECT string_agg(code || ' ' || description, ', ' ORDER BY code) FROM (SELECT * FROM north.code UNION ALL SELECT * FROM north.place) x;
--> A00 hq, A01 hq, P1 north, P2 hq
SELECT string_agg(code || ' ' || description, ', ' ORDER BY code) FROM (SELECT * FROM south.code UNION ALL SELECT * FROM south.place) x;
--> A00 hq, A01 hq, P1 hq, P2 hq
SELECT string_agg(code || ' ' || description, ', ' ORDER BY code) FROM (SELECT * FROM west.code UNION ALL SELECT * FROM west.place) x;
--> A00 east
SELECT string_agg(code || ' ' || description, ', ' ORDER BY code) FROM (SELECT * FROM east.code UNION ALL SELECT * FROM east.place) x;
--> A00 east, P1 east
