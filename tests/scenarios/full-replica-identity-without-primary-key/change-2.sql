UPDATE hq.code SET description = 'Typhoid fever' WHERE code = 'A01';
UPDATE hq.code SET code = 'A00.0' WHERE code = 'A00';
DELETE FROM hq.code WHERE code = 'A02';
