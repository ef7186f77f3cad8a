SELECT 'north', seq_no, npi::text, last_name FROM north.referring_provider UNION ALL SELECT 'south', * FROM south.referring_provider ORDER BY 1, 2;
--> north | 1 | 1679576722 | Of north
--> north | 501 | 1234567893 | Farr
--> south | 1 | 1679 576 722 | Of south
--> south | 901 | 1234567893 | Farr
-- Who has no number cannot be recognized.
SELECT to_customer, key, reason, object FROM acequia.parked ORDER BY 1, 2;
--> north | ["3"] | rejected | the natural key is NULL
--> north | ["4"] | rejected | the natural key is NULL
--> south | ["3"] | rejected | the natural key is NULL
--> south | ["4"] | rejected | the natural key is NULL
