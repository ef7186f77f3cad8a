SELECT name FROM north.fee_schedule;
--> Standard
SELECT count(*) FROM north.fee_schedule_line;
--> 0
SELECT dataset, reason FROM acequia.parked;
--> fee_schedule_line | missing_parent
