-- Nobody gets a name that was gone when the transaction ended. What stays in the customer keeps its own, and so the other
-- one has no place ...
SELECT code, description FROM north.code ORDER BY code;
--> A00 | Cholera
--> A01 | Typhoid
SELECT dataset, key, reason FROM acequia.parked ORDER BY 1, 2;
--> code | ["A00"] | rejected
-- ... but where the name alone says which row it is.
SELECT kind, description FROM north.kind ORDER BY kind;
--> A00 | Typhoid
--> A01 | Typhoid

SELECT code, description FROM south.code ORDER BY code;
--> A00 | Typhoid
SELECT kind, description FROM south.kind ORDER BY kind;
--> A00 | Typhoid
