SELECT payer_id, payer_name, alternate_id FROM webpt.payer ORDER BY payer_id;
--> 00510 | Cahaba | 7002
--> 60054 | Aetna Health | 7001

SELECT count(*) FROM acequia.parked;
--> 0
