INSERT INTO hq.revenue_code VALUES ('0420', 'Physical therapy'), ('0430', 'Occupational therapy');
