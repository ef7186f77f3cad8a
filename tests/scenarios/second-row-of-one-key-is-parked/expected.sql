SELECT code, description, price FROM north.code;
--> 05302 | The other plan | 21.00
SELECT count(*) FROM acequia.parked;
--> 0
