-- Two codes change places, and one of the two retires: it has gone the way round first, or second.
UPDATE hq.code SET code = 'tmp' WHERE code = 'A00';
UPDATE hq.code SET code = 'A00' WHERE code = 'A01';
UPDATE hq.code SET code = 'A01' WHERE code = 'tmp';
UPDATE hq.code SET inactive = true, description = 'of no concern' WHERE code = 'A01';
UPDATE hq.code SET code = 'tmp' WHERE code = 'B00';
UPDATE hq.code SET code = 'B00' WHERE code = 'B01';
UPDATE hq.code SET code = 'B01' WHERE code = 'tmp';
UPDATE hq.code SET inactive = true, description = 'of no concern' WHERE code = 'B00';
