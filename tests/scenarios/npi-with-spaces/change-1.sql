INSERT INTO hq.referring_provider VALUES (1, ' 1679576722', 'Snow'), (2, '1234567893', 'Farr'), (3, NULL, 'Without a number'), (4, ' ', 'With an empty number');
