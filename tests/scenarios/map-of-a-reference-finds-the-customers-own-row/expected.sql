SELECT code, provider_seq, billing_seq FROM north.resource ORDER BY code;
--> ROOM1 | 71 | 71
--> ROOM2 | (null) | (null)

SELECT count(*) FROM acequia.parked;
--> 0
