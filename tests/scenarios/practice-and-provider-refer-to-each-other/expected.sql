SELECT p.name, d.npi FROM north.practice p JOIN north.provider d ON d.seq_no = p.default_provider_seq;
--> The main practice | 1234567893
SELECT p.npi, b.npi FROM north.provider p JOIN north.provider b ON b.seq_no = p.bill_under_seq ORDER BY 1;
--> 1234567893 | 1234567893
--> 1679576722 | 1234567893

SELECT count(*) FROM acequia.parked;
--> 0
