-- Region's number 1 is another code, and its A00 has another number.
INSERT INTO region.code VALUES (1, 'A02', 'of region', 30), (5, 'A00', 'of region', 40);
COMMIT;
DELETE FROM region.code WHERE id = 1;
DELETE FROM hq.code;
