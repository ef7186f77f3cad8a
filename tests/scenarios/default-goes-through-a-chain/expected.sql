SELECT name, cpt_seq, rev_code FROM north.line WHERE name = 'of the provider';
--> of the provider | 901 | 0420
-- And the customer's own are as they were.
SELECT string_agg(rev_code, ' ' ORDER BY code) FROM north.cpt_code;
--> 0420

SELECT count(*) FROM acequia.parked;
--> 0
