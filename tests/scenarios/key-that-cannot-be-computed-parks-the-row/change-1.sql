INSERT INTO hq.code VALUES (1, '007', 'Seven', 10), (2, 'eight', 'Eight', 20), (3, '9', 'Nine', 30);
