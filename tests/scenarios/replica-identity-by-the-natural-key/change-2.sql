UPDATE hq.payer SET plan_name = 'Gold Plus' WHERE seq_no = 1;
UPDATE hq.payer SET seq_no = 22 WHERE seq_no = 2;
DELETE FROM hq.payer WHERE seq_no = 3;
