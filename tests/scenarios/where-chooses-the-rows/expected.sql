SELECT id, code, kind, inactive FROM north.code;
--> 501 | A00 | HCPCS | f

SELECT count(*) FROM acequia.parked;
--> 0
