UPDATE webpt.payer SET payer_name = 'Another name';
DELETE FROM webpt.policy;
COMMIT;
DELETE FROM webpt.payer WHERE seq_no = 2;
