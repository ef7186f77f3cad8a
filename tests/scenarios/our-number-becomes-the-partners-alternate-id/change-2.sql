-- Somebody mistypes it there.
UPDATE webpt.payer SET alternate_id = '7100' WHERE payer_id = '60054';
COMMIT;
UPDATE billing.payer SET payer_name = 'Aetna Health' WHERE payer_id = '60054';
