-- What was never linked is the customer's own.
SELECT code, description FROM north.code ORDER BY code;
--> Z98 | Of north
--> Z99 | Of north
