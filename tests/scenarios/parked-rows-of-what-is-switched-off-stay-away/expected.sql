-- wait
SELECT code FROM north.place;
--> P1
SELECT (SELECT count(*) FROM north.code), (SELECT count(*) FROM south.code), (SELECT count(*) FROM south.place);
--> 0 | 0 | 0
