UPDATE hq.provider SET npi = npi;
COMMIT;
INSERT INTO hq.resource VALUES (1, 'ROOM1', 1), (2, 'ROOM2', NULL);
