SELECT code, description FROM north.code ORDER BY description;
--> 8 | Eight
--> 9 | Nine
--> 007 | Seven

SELECT count(*) FROM acequia.parked;
--> 0
