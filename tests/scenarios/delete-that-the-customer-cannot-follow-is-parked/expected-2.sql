SELECT code FROM north.code;
--> A00
SELECT key, op, reason, sqlstate, object FROM acequia.parked;
--> ["1"] | delete | rejected | 23503 | charge_code_id_fkey
