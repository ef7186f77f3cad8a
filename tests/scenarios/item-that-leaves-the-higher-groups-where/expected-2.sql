-- Region has it too.
SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | of hq | 10.00
