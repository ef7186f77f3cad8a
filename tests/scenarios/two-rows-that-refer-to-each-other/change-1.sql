INSERT INTO hq.area VALUES (1, 'Twin A', 2), (2, 'Twin B', 1), (3, 'Inside', 2);
