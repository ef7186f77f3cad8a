SELECT a.name, p.name FROM north.area a LEFT JOIN north.area p ON p.id = a.inside ORDER BY 1;
--> Inside | Twin B
--> Ring A | Ring C
--> Ring B | Ring A
--> Ring C | Ring B
--> Twin A | Twin B
--> Twin B | Twin A

SELECT count(*) FROM acequia.parked;
--> 0
