-- Every customer's price lines, by the names of what they hang on.
SELECT s.name, c.code, l.modifier, l.price FROM cust_north.fee_schedule_line l JOIN cust_north.fee_schedule s ON s.seq_no = l.fee_schedule_seq
JOIN cust_north.cpt_code c ON c.seq_no = l.cpt_seq WHERE s.name = 'Medicare 2026' AND c.seq_no > 10000 AND s.seq_no > 10000 ORDER BY 1, 2, 3;
--> Medicare 2026 | G0283 | GP | 11.0000
--> Medicare 2026 | H0004-BH |  | 10.1234
--> Medicare 2026 | H0004-BH | GP | 11.0000

SELECT c.code, l.modifier, l.price FROM "Cust Weird-Näme".fee_schedule_line l JOIN "Cust Weird-Näme".cpt_code c ON c.seq_no = l.cpt_seq ORDER BY 1, 2;
--> G0283 | GP | 11.0000
--> H0004-BH |  | 10.1234
--> H0004-BH | GP | 11.0000

-- Override: South's code has the master's words and price, South's number, and what the master says of the department.
SELECT seq_no, code, description, default_price, rev_code FROM cust_south.cpt_code ORDER BY seq_no;
--> 20001 | G0283 | Electrical stimulation | 25.50 | 0420
--> 20002 | H0004-BH | Behavioral health counseling | 41.00 | (null)

-- Create-only: South's payer is untouched; the other one is there under its first name.
SELECT payer_id, plan_name, payer_name, billing_options FROM cust_south.payer ORDER BY seq_no;
--> 00510 | CAHABA | South's entry | {"print_dates": true}
--> 60054 |  | Aetna | {}
SELECT count(*) FROM cust_south.payer p JOIN public.version v ON (v.place, v.writer) = (p.ctid, p.xmin::text);
--> 1
SELECT payer_id, payer_name, payer_type, state, zip, timely_filing, billing_options FROM cust_north.payer ORDER BY payer_id;
--> 00510 | Medicare Alabama | Medicare | AL | 35201-0001 | 1 year | {}
--> 60054 | Aetna | Commercial | (null) | (null) | 90 days | {}

SELECT p.payer_id FROM cust_south.fee_schedule_payer fp JOIN cust_south.payer p ON p.seq_no = fp.payer_seq ORDER BY 1;
--> 00510
--> 60054

-- The favourite is South's; an excluded column of a new row has the customer's default.
SELECT description, favorite FROM cust_south.icd_code;
--> Low back pain, unspecified | t

SELECT code, direction FROM cust_north.adjustment_code;
--> CO45 | credit

-- Who has no NPI cannot be recognized.
SELECT last_name FROM cust_north.referring_provider;
--> Snow
SELECT to_customer, dataset, reason, object FROM acequia.parked ORDER BY 1;
--> north | referring_provider | rejected | the natural key is NULL
--> south | referring_provider | rejected | the natural key is NULL
--> weird | referring_provider | rejected | the natural key is NULL
