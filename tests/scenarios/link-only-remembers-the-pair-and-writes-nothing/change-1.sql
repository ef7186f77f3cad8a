INSERT INTO webpt.payer VALUES (1, '60054', 'AETNA US'), (2, '00510', 'CAHABA');
INSERT INTO webpt.policy VALUES (1, 'W1', 1), (2, 'W2', 2);
