SELECT a.name, p.name FROM north.area a LEFT JOIN north.area p ON p.id = a.inside ORDER BY 1;
--> Country | World
--> World | World
