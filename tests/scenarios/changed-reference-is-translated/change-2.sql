-- Part of the natural key: the line is another one by name, and still the same row.
UPDATE hq.fee_schedule_line SET cpt_seq = 2, fee = 13 WHERE seq_no = 1;
