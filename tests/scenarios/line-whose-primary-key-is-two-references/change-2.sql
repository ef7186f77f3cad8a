UPDATE hq.cpt_code SET code = '97110X' WHERE seq_no = 1;
UPDATE hq.fee_schedule_line SET price = 12 WHERE modifier = 'GP';
-- The line becomes another schedule's.
UPDATE hq.fee_schedule_line SET fee_schedule_seq = 2 WHERE cpt_seq = 2;
DELETE FROM hq.fee_schedule_line WHERE fee_schedule_seq = 2 AND cpt_seq = 1;
