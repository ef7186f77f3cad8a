-- Rolled back work leaves no trace, a savepoint's neither.
BEGIN;
INSERT INTO hq.cpt_code VALUES (1, 'A0425');
SAVEPOINT s;
INSERT INTO hq.cpt_code VALUES (2, 'A0427');
ROLLBACK TO s;
INSERT INTO hq.fee_schedule VALUES (1, 'Standard 2026');
INSERT INTO hq.fee_schedule_line VALUES (1, 1, 1, 12.50);
COMMIT;
BEGIN;
INSERT INTO hq.cpt_code VALUES (3, 'A0428');
ROLLBACK;
