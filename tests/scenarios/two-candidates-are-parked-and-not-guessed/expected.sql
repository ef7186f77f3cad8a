SELECT id, code, description, price FROM north.code WHERE id > 500 ORDER BY id;
--> 501 | 05302 | The plan | 8.00
--> 502 | 05302-B | Another plan | 2.00

SELECT count(*) FROM acequia.parked;
--> 0
