UPDATE hq.code SET code = 'B01', description = 'renamed by hq' WHERE id = 2;
DELETE FROM hq.code WHERE id = 1;
