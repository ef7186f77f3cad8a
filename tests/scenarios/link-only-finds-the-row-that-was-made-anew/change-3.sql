INSERT INTO billing.referring VALUES (7002, '1679576722', 'Snow');
-- acequia parked retry
