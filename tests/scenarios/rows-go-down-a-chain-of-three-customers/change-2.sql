UPDATE hq.line SET price = 20 WHERE code = (SELECT id FROM hq.code WHERE code = 'A00');
DELETE FROM hq.line WHERE code = (SELECT id FROM hq.code WHERE code = 'A01');
DELETE FROM hq.code WHERE code = 'A01';
