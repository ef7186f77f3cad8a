SELECT code, description FROM north.code ORDER BY code;
--> A00 | Cholera
--> A05 | Botulism
--> Z99 | (null)

SELECT key, reason, sqlstate, object FROM acequia.parked WHERE to_customer = 'north' ORDER BY key;
--> ["2"] | rejected | 22001 | (null)
--> ["3"] | rejected | 23514 | code_price_check
--> ["4"] | rejected | 23505 | code_short_name_key
--> ["5"] | rejected | 22P02 | (null)

-- What one customer refuses is no matter of another one's.
SELECT count(*), (SELECT count(*) FROM acequia.parked WHERE to_customer = 'south') FROM south.code;
--> 6 | 0
