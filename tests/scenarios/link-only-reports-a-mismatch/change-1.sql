INSERT INTO webpt.referring VALUES (1, '1679576722', 'Snow'), (2, '1234567893', 'Farr');
