-- One goes and comes back in the same transaction: the codes that hang on it stay.
UPDATE hq.code SET rev_code = NULL WHERE rev_code = '0420';
DELETE FROM hq.revenue_code WHERE rev_code = '0420';
INSERT INTO hq.revenue_code VALUES ('0420', 'Occupational therapy');
UPDATE hq.code SET rev_code = '0420' WHERE id = 2;
