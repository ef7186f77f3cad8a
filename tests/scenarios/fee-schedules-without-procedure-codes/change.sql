INSERT INTO hq.fee_schedule VALUES (1, 'Standard');
INSERT INTO hq.fee_schedule_line VALUES (1, 1, '', 10);
