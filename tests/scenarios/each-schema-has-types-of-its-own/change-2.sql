UPDATE hq.code SET price = 11 WHERE id = 1;
UPDATE hq.code SET kind = 'CPT', slots = '{"(2,09:30:00)"}' WHERE id = 2;
