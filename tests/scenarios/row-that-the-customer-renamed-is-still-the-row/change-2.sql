UPDATE north.code SET code = 'cholera';
COMMIT;
UPDATE hq.code SET price = 11 WHERE id = 1;
