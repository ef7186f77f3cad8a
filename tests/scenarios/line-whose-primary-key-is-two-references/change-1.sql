INSERT INTO hq.fee_schedule VALUES (1, 'Standard'), (2, 'Medicare');
INSERT INTO hq.cpt_code VALUES (1, '97110'), (2, '97165');
INSERT INTO hq.fee_schedule_line VALUES (1, 1, '', 10), (1, 1, 'GP', 11), (1, 2, '', 20), (2, 1, '', 30);
