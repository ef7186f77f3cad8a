INSERT INTO hq.fee_schedule VALUES (1, 'Standard');
INSERT INTO hq.cpt_code VALUES (1, '97110'), (2, '97165');
INSERT INTO hq.fee_schedule_line VALUES (1, 1, '', 10), (1, 2, '', 20);
