-- wait
SELECT count(*) FROM acequia.parked;
--> 0
SELECT seq_no, last_name FROM billing.referring ORDER BY 1;
--> 7001 | Snow
--> 7002 | Farr
--> 7005 | Nightingale
