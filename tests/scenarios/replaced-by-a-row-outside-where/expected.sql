SELECT code, description FROM north.code ORDER BY code;
--> B01 | Other
--> B02 | Other

SELECT count(*) FROM acequia.parked;
--> 0
