-- The existing row keeps its values; the new code is created.
SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | Cholera, as north calls it | 12.50
--> A01 | Typhoid fever | 20.00

-- Not even a new row version was written.
SELECT count(*) FROM north.code n JOIN public.version v ON (v.place, v.writer, v.id) = (n.ctid, n.xmin::text, n.id);
--> 1

SELECT count(*) FROM acequia.parked;
--> 0
