UPDATE hq.code SET code = 'T1016-CM', description = 'Case management by a nurse' WHERE code = 'T1016';
