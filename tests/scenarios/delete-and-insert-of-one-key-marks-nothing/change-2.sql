INSERT INTO public.version SELECT ctid, xmin::text FROM north.code;
COMMIT;
-- An application that saves by deleting: in one transaction it is the same item.
BEGIN;
DELETE FROM hq.code;
INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10), (12, 'A01', 'Typhoid', 21);
COMMIT;
