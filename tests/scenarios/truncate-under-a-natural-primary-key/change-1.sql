INSERT INTO hq.revenue_code VALUES ('0420', 'Physical therapy');
