SELECT id, code, price, inactive FROM north.code ORDER BY code;
--> 501 | A00 | 10.00 | f
--> 502 | A01 | 21.00 | f
SELECT count(*) FROM north.code n JOIN public.version v ON (v.place, v.writer) = (n.ctid, n.xmin::text);
--> 1

SELECT count(*) FROM acequia.parked;
--> 0
