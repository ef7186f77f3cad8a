-- The same codes under other numbers: found by name again.
INSERT INTO hq.code VALUES (11, 'A01', 'Typhoid fever, unspecified', 21), (1, 'A02', 'Salmonella', 30);
