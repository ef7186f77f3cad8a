SELECT id > 500 AS "own number", code::text, octet_length(code), note::text, octet_length(note) FROM north.code ORDER BY code;
--> t | A00 | 5 | same | 20
--> f | A01 | 5 | new | 20
-- Padding is no difference: the equal row was not written.
SELECT count(*) FROM north.code n JOIN public.version v ON (v.place, v.writer) = (n.ctid, n.xmin::text);
--> 1
-- What is not padded at the customer keeps its own spaces, and no spaces of the master's key.
SELECT id > 900 AS "own number", quote_literal(code), quote_literal(note) FROM south.code ORDER BY code;
--> f | 'A00' | 'same'
--> t | 'A01' | 'new  '
