SELECT code, description FROM north.code WHERE code = 'A00';
--> A00 | Cholera
SELECT key, reason FROM acequia.parked WHERE key = '["1"]';
--> ["1"] | rejected
