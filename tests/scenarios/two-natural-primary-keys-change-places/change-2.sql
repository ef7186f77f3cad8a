UPDATE hq.revenue_code SET rev_code = 'x' WHERE rev_code = '0420';
UPDATE hq.revenue_code SET rev_code = '0420' WHERE rev_code = '0430';
UPDATE hq.revenue_code SET rev_code = '0430' WHERE rev_code = 'x';
