SELECT count(*) FROM north.fee_schedule_line;
--> 0
SELECT name FROM north.fee_schedule;
--> Of north
SELECT code FROM north.cpt_code;
--> 97110

SELECT count(*) FROM acequia.parked;
--> 0
