INSERT INTO hq.revenue_code VALUES ('0420', 'Physical therapy', false), ('0430', 'Occupational therapy', true), ('0440', 'Speech therapy', false);
