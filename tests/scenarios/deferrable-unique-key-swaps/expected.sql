SELECT id, code, description FROM north.code ORDER BY id;
--> 501 | A01 | first
--> 502 | A00 | second
SELECT count(*) FROM acequia.parked;
--> 0
