-- A line that moves to another code takes that code's default.
UPDATE hq.line SET cpt_seq = 1 WHERE seq_no = 3;
