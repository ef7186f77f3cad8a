SELECT code, price FROM north.code ORDER BY code;
--> A00 | 10.00
--> A01 | 14.00
SELECT key, reason, object FROM acequia.parked;
--> ["1"] | rejected | the customer's table did not take the row
