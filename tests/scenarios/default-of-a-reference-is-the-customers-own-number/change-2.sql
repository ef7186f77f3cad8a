UPDATE hq.resource SET provider_seq = NULL WHERE seq_no = 1;
UPDATE hq.resource SET provider_seq = 1 WHERE seq_no = 2;
