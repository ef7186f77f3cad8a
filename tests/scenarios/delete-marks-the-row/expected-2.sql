SELECT id, code, description, inactive, retired_on >= current_date - 1 AS "retired today" FROM north.code ORDER BY code;
--> 501 | A00 | Cholera | t | t
--> 502 | A01 | Typhoid | f | (null)
-- The old image is kept.
SELECT key FROM acequia.journal;
--> (501)
