SELECT count(*) FROM north.code;
--> 2
