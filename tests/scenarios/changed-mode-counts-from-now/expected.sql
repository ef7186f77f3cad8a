-- The same rows, in step from their next change on.
SELECT id, code, price FROM north.code ORDER BY code;
--> 501 | A00.0 | 12.00
--> 1 | A01.0 | 22.00
--> 502 | A02 | 30.00
