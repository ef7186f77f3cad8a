CREATE TABLE public.version AS SELECT ctid AS place, xmin::text AS writer FROM north.code;
COMMIT;
-- What is said already is not written again.
UPDATE hq.code SET code = code;
