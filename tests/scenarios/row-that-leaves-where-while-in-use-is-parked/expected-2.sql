SELECT code, inactive FROM north.code ORDER BY code;
--> A00 | f
--> A01 | f
SELECT key, reason, sqlstate, object FROM acequia.parked ORDER BY key;
--> ["1"] | rejected | 23503 | charge_code_id_fkey
--> ["2"] | rejected | 23503 | charge_code_id_fkey
