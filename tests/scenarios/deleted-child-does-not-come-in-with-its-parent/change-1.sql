INSERT INTO hq.fee_schedule_line VALUES (1, 1, 1, 12.50);
