SELECT dataset, reason, waits_for, payload ->> 'fee' FROM acequia.parked;
--> fee_schedule_line | missing_parent | cpt_code | 14.00
