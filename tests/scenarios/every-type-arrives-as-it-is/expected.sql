SELECT master.name, to_jsonb(master) - 'id' = to_jsonb(own) - 'id' FROM hq.kinds master JOIN north.kinds own USING (name) ORDER BY 1;
--> edges | t
--> nothing | t
--> odd | t
--> plain | t

SELECT n.f4, n.f8, n.n, n.iv, n.j, n.tstz AT TIME ZONE 'UTC' FROM north.kinds n WHERE name = 'plain';
--> 0.1 | 0.1 | 12345678901234567890.1234567890 | 1 mon -3 days +27:04:05.6 | {"b": 1, "a": [null]} | 2026-11-01 05:30:00
