UPDATE hq.revenue_code SET rev_code = '0421', description = 'Physical therapy visit' WHERE rev_code = '0420';
DELETE FROM hq.revenue_code WHERE rev_code = '0440';
