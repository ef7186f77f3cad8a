UPDATE hq.cpt_code SET code = 'G0283X' WHERE seq_no = 1;
