UPDATE hq.code SET inactive = false WHERE id = 1;
UPDATE hq.code SET inactive = false, price = 91 WHERE id = 9;
-- In two steps of one transaction.
UPDATE hq.code SET description = 'Typhoid fever' WHERE id = 2;
UPDATE hq.code SET inactive = false WHERE id = 2;
