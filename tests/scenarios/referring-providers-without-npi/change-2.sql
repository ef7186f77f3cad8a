UPDATE hq.referring_provider SET npi = '1234567893' WHERE seq_no = 2;
DELETE FROM hq.referring_provider WHERE seq_no = 1;
