SELECT npi::text, last_name FROM north.referring_provider WHERE seq_no > 1 ORDER BY npi;
--> 1234567893 | Farr
--> 1245319599 | Without a number
