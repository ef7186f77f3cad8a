INSERT INTO billing.payer VALUES (7002, '00510', 'Cahaba');
-- acequia parked retry
