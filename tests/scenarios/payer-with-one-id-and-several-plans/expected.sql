SELECT seq_no = 501 AS "its own", payer_id, plan_name, payer_name, billing_options FROM north.payer ORDER BY plan_name;
--> f | 05302 |  | Medicare | {"from": "north"}
--> f | 05302 | EAST COAST | Medicare | {"from": "north"}
--> t | 05302 | WEST | Medicare | {"print_dates": true}
SELECT payer_seq, option_name, option_value FROM north.payer_billing_option;
--> 501 | Print dates | yes

SELECT count(*) FROM acequia.parked;
--> 0
