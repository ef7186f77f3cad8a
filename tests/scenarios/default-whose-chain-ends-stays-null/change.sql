INSERT INTO hq.cpt_code VALUES (1, '97110', NULL, 'x'), (2, '97165', NULL, NULL);
