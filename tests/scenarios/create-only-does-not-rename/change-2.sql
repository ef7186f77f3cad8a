UPDATE hq.code SET code = 'T1016-CM' WHERE code = 'T1016';
