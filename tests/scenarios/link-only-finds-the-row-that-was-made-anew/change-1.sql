INSERT INTO webpt.referring VALUES (1, '1679576722', 'Snow');
