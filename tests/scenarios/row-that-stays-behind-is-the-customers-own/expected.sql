SELECT code FROM north.item ORDER BY id;
--> OLD
--> NEW
SELECT count(*) FROM acequia.parked;
--> 0
