-- The partner has a payer that billing does not know yet.
INSERT INTO webpt.payer VALUES (1, '60054', 'Aetna'), (2, '00510', 'Cahaba');
INSERT INTO webpt.policy VALUES (1, 'W1', 1), (2, 'W2', 2);
