INSERT INTO webpt.referring VALUES (1, '1679576722', 'Snow'), (2, '1234567893', 'Farr'), (3, NULL, 'No number'), (4, '1679576722', 'Snow, second entry'), (5, '1245319599', 'Nightingale');
