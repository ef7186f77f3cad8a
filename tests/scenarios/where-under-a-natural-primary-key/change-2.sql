-- Never given, so not taken away.
DELETE FROM hq.revenue_code WHERE rev_code = '0430';
UPDATE hq.revenue_code SET inactive = true WHERE rev_code = '0420';
