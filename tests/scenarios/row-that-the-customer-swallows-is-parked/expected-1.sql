SELECT code, price FROM north.code;
--> A00 | 10.00
SELECT key, reason, object FROM acequia.parked;
--> ["2"] | rejected | the customer's table did not take the row
