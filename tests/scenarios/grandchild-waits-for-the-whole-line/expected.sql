SELECT f.id, f.name, k.id, k.name, i.name FROM north.item i JOIN north.kind k ON k.id = i.kind_id JOIN north.family f ON f.id = k.family_id ORDER BY 5;
--> 71 | All codes | 81 | Diagnoses | Cholera
--> 71 | All codes | 81 | Diagnoses | Typhoid fever

SELECT count(*) FROM acequia.parked;
--> 0
