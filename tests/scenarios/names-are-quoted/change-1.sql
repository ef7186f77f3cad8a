INSERT INTO "Head ""Quarters"""."Code ""List""" VALUES (1, 'A00', 'a', 'b'), (2, 'A01', 'c', 'd');
