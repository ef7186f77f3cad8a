INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10, 'of the master');
COMMIT;
UPDATE hq.code SET price = 11, description = 'Cholera, unspecified', secret = 'still';
