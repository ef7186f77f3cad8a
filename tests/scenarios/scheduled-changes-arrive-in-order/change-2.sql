DELETE FROM hq.fee_line WHERE schedule_id = 2;
DELETE FROM hq.fee_schedule WHERE id = 2;
COMMIT;
UPDATE hq.fee_schedule SET name = 'Standard 2027' WHERE id = 1;
INSERT INTO hq.fee_line VALUES (3, 1, 'A01', 30);
