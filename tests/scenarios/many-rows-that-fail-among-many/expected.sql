SELECT count(*), count(*) FILTER (WHERE unit_price = round(price / units, 4)) FROM north.code;
--> 6000 | 6000

SELECT count(*) FROM acequia.parked;
--> 0
