UPDATE hq.code SET price = 11 WHERE id = 1;
INSERT INTO hq.place VALUES (2, 'P2', 'Side street', 20);
