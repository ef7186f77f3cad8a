SELECT code, price, length(notes) FROM north.code ORDER BY code;
--> A00 | 11.00 | 20006
--> A02 | 31.00 | 20006

SELECT count(*) FROM acequia.parked;
--> 0
