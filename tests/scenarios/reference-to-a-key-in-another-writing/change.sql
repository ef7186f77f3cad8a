INSERT INTO hq.revenue_code VALUES ('420', 'Physical therapy'), ('430', 'Occupational therapy');
INSERT INTO hq.cpt_code VALUES (1, '97110', '420'), (2, '97165', '430');
