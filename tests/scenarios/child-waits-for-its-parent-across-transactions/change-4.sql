-- … and the other one arrives.
UPDATE hq.cpt_code SET code = code WHERE seq_no = 1;
