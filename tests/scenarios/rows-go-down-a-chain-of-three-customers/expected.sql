SELECT c.id, c.code, c.description, l.id, l.price FROM north.code c LEFT JOIN north.line l ON l.code = c.id ORDER BY c.code;
--> 2000 | A00 | first | 2500 | 20.00
SELECT c.id, c.code, c.description, l.id, l.price FROM south.code c LEFT JOIN south.line l ON l.code = c.id ORDER BY c.code;
--> 3000 | A00 | first | 3500 | 20.00
SELECT c.id, c.code, c.description, l.id, l.price FROM east.code c LEFT JOIN east.line l ON l.code = c.id ORDER BY c.code;
--> 4000 | A00 | first | 4500 | 20.00
SELECT count(*) FROM acequia.parked;
--> 0
