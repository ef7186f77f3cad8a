SELECT count(*) FROM acequia.parked;
--> 0
