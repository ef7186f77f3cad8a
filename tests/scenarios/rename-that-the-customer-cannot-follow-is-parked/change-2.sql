INSERT INTO north.bill VALUES ('0420');
COMMIT;
UPDATE hq.revenue_code SET rev_code = '0421' WHERE rev_code = '0420';
UPDATE hq.revenue_code SET rev_code = '0431' WHERE rev_code = '0430';
