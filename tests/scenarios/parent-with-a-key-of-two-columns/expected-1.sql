SELECT code, payer, plan FROM north.visit ORDER BY 1;
--> v2 | 05302 | (null)
--> v3 | (null) | (null)
SELECT key, reason, waits_for, waits_key FROM acequia.parked;
--> ["1"] | missing_parent | plan | ["05302", "Gold"]
