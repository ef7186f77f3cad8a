UPDATE hq.fee_schedule_line SET fee = 11, cpt_seq = 9 WHERE seq_no = 1;
