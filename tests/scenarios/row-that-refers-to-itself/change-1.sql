INSERT INTO hq.area VALUES (1, 'World', 1), (2, 'Country', 1);
