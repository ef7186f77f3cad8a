INSERT INTO hq.code (code, description) VALUES ('A00', 'Cholera'), ('A01', 'Typhoid');
COMMIT;
UPDATE hq.code SET description = 'Typhoid fever' WHERE code = 'A01';
