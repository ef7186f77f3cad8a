UPDATE hq.cpt_code SET code = '97112' WHERE seq_no = 1;
