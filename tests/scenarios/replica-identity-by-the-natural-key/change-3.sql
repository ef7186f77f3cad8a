UPDATE hq.payer SET phone = '22' WHERE seq_no = 22;
