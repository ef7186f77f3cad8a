SELECT id, code, description FROM north.code ORDER BY id;
--> 501 | A00 | Cholera
--> 502 | A01 | Typhoid fever

-- And the customer can go on numbering.
SELECT nextval('north.code_id_seq') > 502;
--> t
