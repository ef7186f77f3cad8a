UPDATE hq.code SET price = 11 WHERE code = 'T1016';
