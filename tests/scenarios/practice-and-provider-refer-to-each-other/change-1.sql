INSERT INTO hq.practice VALUES (1, 'MAIN', 'Main practice', 1);
INSERT INTO hq.provider VALUES (1, '1679576722', 'Snow', 1, 1), (2, '1234567893', 'Farr', 1, 1);
