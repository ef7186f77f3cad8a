SELECT payer_id, payer_name, alternate_id, seq_no < 7000 AS "own number" FROM webpt.payer ORDER BY payer_id;
--> 00510 | Cahaba | 7002 | t
--> 60054 | Aetna | 7001 | t
