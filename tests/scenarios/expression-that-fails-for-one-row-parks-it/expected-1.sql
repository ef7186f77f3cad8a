SELECT code, unit_price FROM north.code ORDER BY code;
--> A00 | 2.50
--> A02 | 6.00
SELECT to_customer, key, reason, sqlstate FROM acequia.parked;
--> north | ["2"] | rejected | 22012
-- Another rule, another outcome.
SELECT count(*) FROM south.code;
--> 3
