SELECT code, description, price FROM north.code ORDER BY code;
--> A00 | Cholera | 10.00
--> T1016 | Case management | 10.00

SELECT count(*) FROM acequia.parked;
--> 0
