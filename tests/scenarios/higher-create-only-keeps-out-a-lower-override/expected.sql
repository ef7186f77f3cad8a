-- Also the row of north's own: hq has it, and leaves it alone.
SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | of hq | 10.00
--> A01 | of north | 1.00
--> A02 | of region | 21.00

SELECT count(*) FROM acequia.parked;
--> 0
