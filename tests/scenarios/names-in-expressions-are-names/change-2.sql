DELETE FROM "Head ""Quarters"""."Code ""List""" WHERE "Id" = 1;
