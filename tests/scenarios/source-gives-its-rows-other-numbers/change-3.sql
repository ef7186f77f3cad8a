UPDATE hq.code SET description = description || ', number ' || id;
COMMIT;
DELETE FROM hq.code WHERE id = 2;
