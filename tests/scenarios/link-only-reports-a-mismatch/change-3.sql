UPDATE billing.referring SET npi = '1245319599' WHERE seq_no = 7001;
-- acequia parked retry
