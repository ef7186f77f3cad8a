SELECT a.name, p.name FROM north.area a LEFT JOIN north.area p ON p.id = a.inside ORDER BY 1;
--> Country | (null)
--> County | State
--> State | Country
--> Town | County

SELECT key, reason, waits_for, waits_key FROM acequia.parked;
--> ["5"] | missing_parent | area | ["9"]
