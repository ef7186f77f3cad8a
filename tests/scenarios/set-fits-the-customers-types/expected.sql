SELECT count(*) FROM north.code n JOIN public.version v ON (v.place, v.writer) = (n.ctid, n.xmin::text);
--> 2
