DELETE FROM billing.referring;
COMMIT;
UPDATE webpt.referring SET last_name = 'Snow-White';
