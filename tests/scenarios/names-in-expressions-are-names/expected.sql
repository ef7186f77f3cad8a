SELECT "Id", "Select", "In Active" FROM "Cust Weird-Näme"."Code ""List""";
--> 501 | a00x'); DROP TABLE y; --: "select" | t

SELECT count(*) FROM acequia.parked;
--> 0
