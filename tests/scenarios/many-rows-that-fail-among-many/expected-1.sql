SELECT count(*) FROM north.code;
--> 5700
SELECT reason, sqlstate, count(*) FROM acequia.parked GROUP BY 1, 2;
--> rejected | 22012 | 300
