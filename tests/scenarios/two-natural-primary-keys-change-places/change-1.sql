INSERT INTO hq.revenue_code VALUES ('0420', 'Physical'), ('0430', 'Occupational'), ('0440', 'Speech');
INSERT INTO hq.code VALUES (1, '97110', '0420'), (2, '97165', '0430');
