-- Three in a ring, over two transactions.
INSERT INTO hq.area VALUES (4, 'Ring A', NULL), (5, 'Ring B', 4), (6, 'Ring C', 5);
COMMIT;
UPDATE hq.area SET inside = 6 WHERE id = 4;
