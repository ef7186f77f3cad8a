SELECT dataset, key, reason, waits_for IN ('cpt_code', 'fee_schedule') AS "names a parent" FROM acequia.parked;
--> fee_schedule_line | ["1"] | missing_parent | t
SELECT count(*) FROM north.fee_schedule_line;
--> 0
