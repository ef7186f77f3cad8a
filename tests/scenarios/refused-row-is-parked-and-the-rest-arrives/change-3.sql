UPDATE hq.code SET description = 'Cholera 3' WHERE id = 1;
UPDATE hq.code SET description = 'Typhoid' WHERE id = 2;
UPDATE hq.code SET price = 1 WHERE id = 3;
UPDATE hq.code SET short_name = 'shig' WHERE id = 4;
UPDATE hq.code SET kind = 'HCPCS' WHERE id = 5;
