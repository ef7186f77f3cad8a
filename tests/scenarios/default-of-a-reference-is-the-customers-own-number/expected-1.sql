SELECT code, provider_seq FROM north.resource ORDER BY code;
--> ROOM1 | 71
--> ROOM2 | 72
