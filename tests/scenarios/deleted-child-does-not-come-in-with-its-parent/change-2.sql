DELETE FROM hq.fee_schedule_line;
