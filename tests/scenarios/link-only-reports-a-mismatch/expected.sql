-- wait
SELECT count(*) FROM acequia.parked;
--> 0
SELECT seq_no, npi, last_name FROM billing.referring ORDER BY 1;
--> 7001 | 1245319599 | Snow
--> 7002 | 1234567893 | Farr
