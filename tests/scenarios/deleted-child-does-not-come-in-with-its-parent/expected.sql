SELECT (SELECT count(*) FROM north.fee_schedule), (SELECT count(*) FROM north.cpt_code), (SELECT count(*) FROM north.fee_schedule_line);
--> 1 | 1 | 0
