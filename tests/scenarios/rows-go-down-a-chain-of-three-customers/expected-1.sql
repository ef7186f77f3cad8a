-- Every customer has numbers of its own.
SELECT c.id, c.code, c.description, l.id, l.price FROM east.code c JOIN east.line l ON l.code = c.id ORDER BY c.code;
--> 4000 | A00 | first | 4500 | 10.00
--> 4001 | A01 | second | 4501 | 10.00
