INSERT INTO hq.code_null VALUES (1, '97110', '0420'), (2, '97165', '0430'), (3, '99213', NULL);
INSERT INTO hq.code_skip VALUES (1, '97110', '0420'), (2, '97165', '0430'), (3, '99213', NULL);
