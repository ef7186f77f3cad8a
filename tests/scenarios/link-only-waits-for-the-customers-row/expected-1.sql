SELECT payer_id FROM billing.payer;
--> 60054
SELECT member_id, payer_seq FROM billing.policy;
--> W1 | 7001
SELECT dataset, key, reason, waits_for, waits_key FROM acequia.parked ORDER BY dataset;
--> payer | ["2"] | unmatched | (null) | (null)
--> policy | ["2"] | missing_parent | payer | ["2"]
