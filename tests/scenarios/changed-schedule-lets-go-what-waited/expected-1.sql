SELECT count(*) FROM north.code;
--> 0
