INSERT INTO hq.item VALUES (1, 'A');
