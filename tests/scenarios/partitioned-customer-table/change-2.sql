UPDATE hq.code SET year = 2026 WHERE code = 'A00';
UPDATE hq.code SET description = 'Typhoid fever' WHERE code = 'A01';
