DELETE FROM hq.revenue_code WHERE rev_code = '0420';
