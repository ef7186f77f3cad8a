UPDATE north.code SET code = 'renamed' WHERE code = 'a00';
COMMIT;
UPDATE hq.code SET price = price + 1;
INSERT INTO hq.code VALUES (3, 'A02', 'Salmonella', 30);
