INSERT INTO hq.revenue_code VALUES ('0420', 'Physical therapy'), ('430', 'Occupational therapy'), ('440', 'Speech therapy');
