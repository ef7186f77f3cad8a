SELECT dataset, key, reason, waits_for, waits_key FROM acequia.parked;
--> fee_schedule_line | ["1"] | missing_parent | cpt_code | ["1"]
