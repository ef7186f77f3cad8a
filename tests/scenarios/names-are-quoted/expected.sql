SELECT "select", "Größe; --", "it's" FROM "Cust Weird-Näme"."Code ""List""";
--> A00.0 | a | B
SELECT "select", "Größe; --", "it's" FROM "o'Brien; DROP TABLE x"."Code ""List""";
--> A00.0 | a | B
SELECT "select", "Größe; --", "it's" FROM "a_schema_name_that_is_as_long_as_PostgreSQL_lets_a_name_be_63_b"."Code ""List""";
--> A00.0 | a | B
