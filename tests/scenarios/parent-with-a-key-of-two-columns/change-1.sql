-- Half a reference is none.
INSERT INTO hq.visit VALUES (1, 'v1', '05302', 'Gold'), (2, 'v2', '05302', NULL), (3, 'v3', NULL, NULL);
