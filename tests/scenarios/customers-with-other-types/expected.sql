SELECT code, description, price::numeric, effective, kind FROM north.code;
--> A00 | Cholera | 11.50 | 2026-01-01 | HCPCS
SELECT code, description, price, effective, kind::text FROM south.code ORDER BY code;
--> A00 | Cholera | 11.5 | 2026-01-01 | HCPCS
--> A01 | Typhoid | 20 | (null) | Revenue
-- The label that north's enum lacks.
SELECT to_customer, key, reason, sqlstate FROM acequia.parked;
--> north | ["2"] | rejected | 22P02
