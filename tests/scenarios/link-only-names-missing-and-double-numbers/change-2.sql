DELETE FROM billing.referring WHERE seq_no = 7003;
DELETE FROM webpt.referring WHERE seq_no IN (3, 4);
INSERT INTO billing.referring VALUES (7005, '1245319599', 'Nightingale');
-- acequia parked retry
