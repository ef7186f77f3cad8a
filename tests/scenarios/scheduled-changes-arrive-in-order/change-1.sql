INSERT INTO hq.fee_schedule VALUES (1, 'Standard'), (2, 'Short-lived');
INSERT INTO hq.fee_line VALUES (1, 1, 'A00', 10), (2, 2, 'A00', 20);
COMMIT;
UPDATE hq.fee_line SET fee = 11 WHERE id = 1;
COMMIT;
UPDATE hq.fee_line SET fee = 12 WHERE id = 1;
