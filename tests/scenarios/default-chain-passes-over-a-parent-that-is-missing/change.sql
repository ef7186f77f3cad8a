-- Code and line come together: the line takes the code's.
INSERT INTO hq.cpt_code VALUES (1, '97110', '0420', false), (2, '97165', '0430', true);
INSERT INTO hq.line VALUES (1, 'given', 1, NULL), (2, 'not given', 2, NULL), (3, 'none', NULL, NULL);
