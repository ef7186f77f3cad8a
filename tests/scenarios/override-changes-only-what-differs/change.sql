UPDATE hq.code SET description = 'Cholera, unspecified' WHERE code = 'A00';
UPDATE hq.code SET description = 'Typhoid fever' WHERE code = 'A01';
