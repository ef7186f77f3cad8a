SELECT code FROM north.cpt_code ORDER BY code;
--> A0001
--> A0006
SELECT code FROM north.icd_code;
--> M5450

SELECT count(*) FROM acequia.parked;
--> 0
