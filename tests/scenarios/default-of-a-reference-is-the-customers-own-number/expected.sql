SELECT code, provider_seq FROM north.resource ORDER BY code;
--> ROOM1 | 72
--> ROOM2 | 71

SELECT count(*) FROM acequia.parked;
--> 0
