-- practice schema: practice
-- practice schema: cust_north
-- practice schema: cust_south
-- practice schema: Cust Weird-Näme

-- Each customer numbers from somewhere else.
ALTER TABLE cust_north.cpt_code ALTER seq_no RESTART WITH 10001;
ALTER TABLE cust_north.fee_schedule ALTER seq_no RESTART WITH 10001;
ALTER TABLE cust_south.cpt_code ALTER seq_no RESTART WITH 20001;
ALTER TABLE cust_south.payer ALTER seq_no RESTART WITH 20001;

-- South has a code and a payer of its own that the master will send too.
INSERT INTO cust_south.cpt_code (code, code_kind, description, default_price, department)
VALUES ('G0283', 'HCPCS', 'E-stim, South''s wording', 31, 'Aquatics');
INSERT INTO cust_south.payer (payer_id, plan_name, payer_name, billing_options) VALUES ('00510', 'CAHABA', 'South''s entry', '{"print_dates": true}');
INSERT INTO cust_south.icd_code (code, description, favorite) VALUES ('M5450', 'LBP, South''s wording', true);
CREATE TABLE public.version AS SELECT ctid AS place, xmin::text AS writer FROM cust_south.payer;
