DELETE FROM hq.fee_schedule_line;
DELETE FROM hq.cpt_code WHERE seq_no = 2;
DELETE FROM hq.fee_schedule;
