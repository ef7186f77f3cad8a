INSERT INTO "Head ""Quarters"""."Code ""List""" VALUES (1, 'a00', 'x''); DROP TABLE y; --', 1, 'G', false), (2, 'a01', 'x', 1, 'G', true), (3, 'a02', 'x', 0, 'G', false);
