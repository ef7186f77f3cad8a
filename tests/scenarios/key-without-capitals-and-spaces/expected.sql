-- Found, and under create-only left as they are; what is new comes as it is written.
SELECT id, quote_literal(code), description FROM north.code ORDER BY id;
--> 1 | ' g0283' | Of north
--> 2 | 'M5450 ' | Of north
--> 501 | ' h0004 ' | Counseling

SELECT count(*) FROM acequia.parked;
--> 0
