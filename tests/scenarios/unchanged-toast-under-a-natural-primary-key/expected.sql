SELECT name, title, left(body, 4), length(body) FROM north.letter ORDER BY name COLLATE "C";
--> B |  | own | 3
--> C2 | new | body | 4000
--> a | new | own | 3
SELECT count(*) FROM acequia.parked;
--> 0
