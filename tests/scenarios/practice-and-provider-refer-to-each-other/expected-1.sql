SELECT p.code, p.name, d.npi, d.practice_seq = p.seq_no AS "back again", p.seq_no > 500 AND d.seq_no > 900 AS "own numbers" FROM north.practice p JOIN north.provider d ON d.seq_no = p.default_provider_seq;
--> MAIN | Main practice | 1679576722 | t | t
SELECT p.npi, b.npi FROM north.provider p JOIN north.provider b ON b.seq_no = p.bill_under_seq ORDER BY 1;
--> 1234567893 | 1679576722
--> 1679576722 | 1679576722
