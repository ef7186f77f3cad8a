-- The source checks at the commit; the customer at once.
INSERT INTO hq.fee_schedule_line VALUES (1, 1, '', 10);
INSERT INTO hq.fee_schedule VALUES (1, 'Standard');
INSERT INTO hq.cpt_code VALUES (1, '97110');
