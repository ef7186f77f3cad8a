SELECT count(*) FROM north.fee_schedule_line;
--> 2
