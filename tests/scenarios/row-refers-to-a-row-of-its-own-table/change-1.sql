-- Deeper than one step, and not in the order of the parents.
INSERT INTO hq.area VALUES (1, 'Country', NULL), (2, 'State', NULL), (3, 'County', 2);
UPDATE hq.area SET inside = 1 WHERE id = 2;
INSERT INTO hq.area VALUES (4, 'Town', 3);
COMMIT;
-- Its parent has not been seen yet.
INSERT INTO hq.area VALUES (5, 'Continent', 9);
