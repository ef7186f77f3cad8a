INSERT INTO hq.modifier VALUES (1, 'GP', 1), (2, 'GO', NULL);
INSERT INTO hq.modifier_null VALUES (1, 'GP', 1), (2, 'GO', NULL);
INSERT INTO hq.modifier_skip VALUES (1, 'GP', 1), (2, 'GO', NULL);
