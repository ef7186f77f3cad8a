INSERT INTO hq.code VALUES (1, 'M54.50', 'Back pain, unspecified', 10), (2, 'm5451', 'Back pain, vertebrogenic', 20);
