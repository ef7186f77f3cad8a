UPDATE hq.code SET code = 'tmp' WHERE code = 'A00';
UPDATE hq.code SET code = 'A00' WHERE code = 'A01';
DELETE FROM hq.code WHERE code = 'tmp';
UPDATE hq.kind SET kind = 'tmp' WHERE kind = 'A00';
UPDATE hq.kind SET kind = 'A00' WHERE kind = 'A01';
DELETE FROM hq.kind WHERE kind = 'tmp';
