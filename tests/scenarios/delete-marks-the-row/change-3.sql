-- The same code later, under another number: the row is found again.
INSERT INTO hq.code VALUES (7, 'A00', 'Cholera again', 11);
