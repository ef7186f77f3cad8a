-- What a rule sets is not for the customer to change, once its source row changes.
UPDATE north.code SET department = 'Aquatics' WHERE code = 'a01';
COMMIT;
UPDATE hq.code SET price = 90 WHERE id = 2;
