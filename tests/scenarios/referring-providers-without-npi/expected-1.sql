SELECT seq_no > 500 AS "its own", npi, last_name, is_organization FROM north.referring_provider ORDER BY npi, seq_no;
--> f | 1245319599 | Community Clinic | t
--> t | 1679576722 | Snow | f
--> t | (null) | Legacy | f
--> t | (null) | Legacy | f
SELECT key, reason, object FROM acequia.parked ORDER BY key;
--> ["1"] | rejected | the natural key is NULL
--> ["2"] | rejected | the natural key is NULL
