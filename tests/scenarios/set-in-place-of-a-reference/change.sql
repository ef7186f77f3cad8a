INSERT INTO hq.resource VALUES (1, 'ROOM1', 1);
