SELECT seq_no = 501 AS "its own", facility_code, name, npi, address_line1, zip FROM north.facility ORDER BY facility_code;
--> t | H1 | Main site | 1679576722 | 12 Main Street | 32801
--> f | H2 | Second site | 1679576722 | 2 Side Street | 32801
--> f | H3 | Third site | 1679576722 | 1 Main Street | 30301
SELECT key, reason, object FROM acequia.parked;
--> ["4"] | rejected | the natural key is NULL
