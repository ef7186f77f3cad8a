INSERT INTO hq.fee_schedule VALUES (1, 'Standard'), (2, 'Medicare');
INSERT INTO hq.cpt_code VALUES (1, '97110');
INSERT INTO hq.fee_schedule_line VALUES (1, 1, '', 10), (2, 1, '', 20);
