SELECT code, provider_seq FROM north.resource;
--> ROOM1 | (null)

SELECT count(*) FROM acequia.parked;
--> 0
