-- The child comes first at the source.
INSERT INTO hq.code VALUES (1, '97110', '0420'), (2, '99999', '0420'), (3, '97165', '0430');
INSERT INTO hq.revenue_code VALUES ('0420', 'Physical therapy'), ('0430', 'Occupational therapy');
