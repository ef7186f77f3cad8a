INSERT INTO hq.cpt_code VALUES (1, 'A0425');
INSERT INTO hq.fee_schedule VALUES (1, 'Standard 2026');
INSERT INTO hq.fee_schedule_line VALUES (1, 1, 1, 10);
