INSERT INTO hq.revenue_code VALUES ('0420', 'Physical therapy'), ('0430', 'Occupational therapy'), ('0440', 'Speech');
INSERT INTO hq.code VALUES (1, '97110', '0420');
-- A code of the customer's own hangs on it too.
INSERT INTO north.revenue_code VALUES ('0999', 'Of north');
