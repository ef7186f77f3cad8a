SELECT seq_no, npi, last_name FROM billing.referring ORDER BY 1;
--> 7001 | 1679576722 | Snow
--> 7002 | 1234567893 | Farr
SELECT key, reason FROM acequia.parked;
--> ["1"] | mismatch
