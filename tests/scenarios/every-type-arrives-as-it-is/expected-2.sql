SELECT count(*) FROM north.kinds n JOIN public.version v ON (v.place, v.writer, v.name) = (n.ctid, n.xmin::text, n.name);
--> 4
