SELECT id, code, description, price FROM north.code ORDER BY code;
--> 501 | T1016-CM | Case management by a nurse | 11.00
--> 502 | T1017 | Targeted case management | 20.00

SELECT id, code, description, price FROM south.code ORDER BY code;
--> 901 | T1016-CM | Case management by a nurse | 11.00

SELECT count(*) FROM acequia.parked;
--> 0
