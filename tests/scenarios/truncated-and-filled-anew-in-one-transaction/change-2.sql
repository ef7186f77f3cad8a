-- The yearly load: one code stays, one goes, one is new.
INSERT INTO hq.code VALUES (3, 'A02', 'Gone with the rest', 30);
TRUNCATE hq.code;
INSERT INTO hq.code VALUES (1, 'A00', 'Cholera, unspecified', 11), (2, 'A03', 'Shigella', 40);
