SELECT a.name, p.name FROM north.area a LEFT JOIN north.area p ON p.id = a.inside ORDER BY 1;
--> Continent | The world
--> Country | Continent
--> County | State
--> State | Country
--> The world | (null)
--> Town | County

SELECT count(*) FROM acequia.parked;
--> 0
