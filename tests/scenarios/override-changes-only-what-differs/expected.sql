SELECT id, code, description, price FROM north.code ORDER BY code;
--> 501 | A00 | Cholera, unspecified | 10.00
--> 502 | A01 | Typhoid fever | 20.00

-- The equal row has no new version …
SELECT code FROM north.code n JOIN public.version v USING (code) WHERE (v.place, v.writer) = (n.ctid, n.xmin::text);
--> A01

-- … and only the other one's trigger was fired.
SELECT code FROM public.fired;
--> A00
