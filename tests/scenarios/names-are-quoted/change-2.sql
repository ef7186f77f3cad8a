UPDATE "Head ""Quarters"""."Code ""List""" SET "select" = 'A00.0', "it's" = 'B' WHERE "Id" = 1;
DELETE FROM "Head ""Quarters"""."Code ""List""" WHERE "Id" = 2;
