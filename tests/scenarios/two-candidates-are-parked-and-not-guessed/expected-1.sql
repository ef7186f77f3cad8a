SELECT id, code, description, price FROM north.code WHERE id > 500 ORDER BY id;
--> 501 | 05302 | One plan | 1.00
--> 502 | 05302 | Another plan | 2.00

SELECT to_customer, dataset, key, reason FROM acequia.parked;
--> north | code | ["1"] | ambiguous

-- The rest of the transaction arrived.
SELECT code FROM north.code WHERE code = 'A00';
--> A00
