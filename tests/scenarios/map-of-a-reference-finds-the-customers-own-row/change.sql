-- Number 1 is somebody else at the customer.
INSERT INTO hq.provider VALUES (1, '1679576722');
INSERT INTO hq.resource VALUES (1, 'ROOM1', 1), (2, 'ROOM2', NULL);
