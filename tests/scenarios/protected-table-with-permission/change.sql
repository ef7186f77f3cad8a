INSERT INTO hq.provider VALUES (1, '1679576722', 'Snow');
