UPDATE north.code SET department = 'North''s choice' WHERE code = 'A01';
COMMIT;
UPDATE hq.code SET price = 21;
