-- The number lives again before the delete could be done: the newest state is what counts.
INSERT INTO hq.code VALUES (1, 'A00', 'Cholera, unspecified', 11);
