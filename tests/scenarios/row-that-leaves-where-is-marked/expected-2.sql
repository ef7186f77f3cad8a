-- Only what on_leave names is changed: the price is the one that was given.
SELECT id, code, price, inactive, shelf FROM north.code ORDER BY code;
--> 501 | A00 | 10.00 | t | top, cleared
--> 502 | A01 | 20.00 | t | no shelf, cleared
-- The old images are kept.
SELECT key, image ~ '\mtop\M' AS "the shelf is in it" FROM acequia.journal ORDER BY key;
--> (501) | t
--> (502) | f
