SELECT a.name, p.name FROM north.area a LEFT JOIN north.area p ON p.id = a.inside ORDER BY 1;
--> North | South
--> South | North
SELECT count(*) FROM acequia.parked;
--> 0
