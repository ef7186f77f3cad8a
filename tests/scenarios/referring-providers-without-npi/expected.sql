SELECT npi, last_name FROM north.referring_provider WHERE npi IS NOT NULL ORDER BY npi;
--> 1234567893 | Another
--> 1245319599 | Community Clinic
--> 1679576722 | Snow

SELECT count(*) FROM acequia.parked;
--> 0
