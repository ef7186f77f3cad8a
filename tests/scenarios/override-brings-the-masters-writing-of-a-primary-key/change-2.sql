UPDATE hq.revenue_code SET rev_code = '0440' WHERE rev_code = '440';
DELETE FROM hq.revenue_code WHERE rev_code = '430';
