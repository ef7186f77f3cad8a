SELECT seq_no, payer_id, plan_name, payer_name FROM north.payer ORDER BY seq_no;
--> 1 | AKMAD | MEDICAID | Alaska Medicaid
--> 2 | AKMAD | Medicaid | Of north
--> 501 | Akmad | OTHER | Alaska

SELECT count(*) FROM acequia.parked;
--> 0
