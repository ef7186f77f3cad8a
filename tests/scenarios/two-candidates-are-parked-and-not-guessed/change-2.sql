-- North makes them two things; the next change finds one candidate.
UPDATE north.code SET code = '05302-B' WHERE id = 502;
COMMIT;
UPDATE hq.code SET price = 8 WHERE id = 1;
