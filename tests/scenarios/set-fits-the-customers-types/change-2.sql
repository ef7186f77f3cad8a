INSERT INTO public.version SELECT ctid, xmin::text FROM north.code;
COMMIT;
-- Equal, so not written.
UPDATE hq.code SET code = code;
