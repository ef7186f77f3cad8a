INSERT INTO hq.cpt_code VALUES (2, '97165');
UPDATE hq.fee_schedule_line SET price = 11;
INSERT INTO hq.fee_schedule_line VALUES (1, 1, 'GP', 12), (1, 2, '', 20);
