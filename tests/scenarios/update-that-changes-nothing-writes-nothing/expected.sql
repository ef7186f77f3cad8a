SELECT row_version, count(*) FROM hq.code GROUP BY 1 ORDER BY 1;
--> 3 | 997
--> 4 | 3
SELECT row_version, count(*) FROM north.code GROUP BY 1 ORDER BY 1;
--> 1 | 997
--> 2 | 3
