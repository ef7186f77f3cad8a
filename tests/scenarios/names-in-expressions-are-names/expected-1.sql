SELECT "Id", "Code Nr", "select", "Select", "a ""b""", "In Active" FROM "Cust Weird-Näme"."Code ""List""";
--> 501 | a00 | x'); DROP TABLE y; -- | x'); DROP TABLE y; --: "select" | G | f
