-- wait
SELECT count(*) FROM acequia.parked;
--> 0
SELECT seq_no, last_name FROM billing.referring;
--> 7002 | Snow
