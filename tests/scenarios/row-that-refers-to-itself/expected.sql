SELECT a.name, p.name FROM north.area a JOIN north.area p ON p.id = a.inside ORDER BY 1;
--> Country | The world
--> The world | The world
SELECT count(*) FROM acequia.parked;
--> 0
