INSERT INTO hq.cpt_code VALUES (1, 'A0425'), (2, 'A0427');
INSERT INTO hq.fee_schedule VALUES (1, 'Standard 2026'), (2, 'Medicare 2026');
INSERT INTO hq.fee_schedule_line VALUES (1, 1, 1, 10), (2, 1, 2, 20), (3, 2, 1, 30);
