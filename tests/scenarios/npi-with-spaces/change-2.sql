UPDATE hq.referring_provider SET npi = '1245319599' WHERE seq_no = 3;
