-- wait
SELECT member_id, payer_seq FROM billing.policy ORDER BY 1;
--> W1 | 7001
--> W2 | 7002

SELECT count(*) FROM acequia.parked;
--> 0
