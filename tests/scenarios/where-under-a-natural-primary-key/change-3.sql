DELETE FROM hq.revenue_code WHERE rev_code = '0440';
UPDATE hq.revenue_code SET inactive = false WHERE rev_code = '0420';
