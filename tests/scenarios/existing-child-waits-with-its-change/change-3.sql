-- Back again before the parent came: what was parked is overtaken, and stays so when the parent comes.
UPDATE hq.fee_schedule_line SET fee = 12, cpt_seq = 1 WHERE seq_no = 1;
COMMIT;
UPDATE hq.cpt_code SET code = code WHERE seq_no = 9;
