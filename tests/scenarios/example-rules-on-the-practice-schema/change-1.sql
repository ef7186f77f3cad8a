SET search_path = practice;
INSERT INTO revenue_code (rev_code, description) VALUES ('0420', 'Physical therapy');
INSERT INTO cpt_code (code, code_kind, description, default_price, rev_code) VALUES
  ('G0283', 'HCPCS', 'Electrical stimulation', 25.5, '0420'), ('H0004', 'HCPCS', 'Behavioral health counseling', 40, NULL);
INSERT INTO fee_schedule (name, effective) VALUES ('Medicare 2026', '[2026-01-01,2027-01-01)');
INSERT INTO payer (payer_id, plan_name, payer_name, payer_type, state, zip, timely_filing, billing_options)
VALUES ('00510', 'CAHABA', 'Medicare Alabama', 'Medicare', 'AL', '35201-0001', '1 year', '{"a": 1}'),
       ('60054', '', 'Aetna', 'Commercial', NULL, NULL, '90 days', '{}');
INSERT INTO fee_schedule_line (fee_schedule_seq, cpt_seq, modifier, price)
SELECT f.seq_no, c.seq_no, m, 10.1234 FROM fee_schedule f, cpt_code c, unnest(ARRAY['', 'GP']) m WHERE f.name = 'Medicare 2026' AND c.code IN ('G0283', 'H0004');
INSERT INTO fee_schedule_payer SELECT f.seq_no, p.seq_no FROM fee_schedule f, payer p WHERE f.name = 'Medicare 2026';
INSERT INTO adjustment_code (code, description, direction) VALUES ('CO45', 'Contractual', 'credit');
INSERT INTO icd_code (code, description, favorite) VALUES ('M5450', 'Low back pain, unspecified', false);
INSERT INTO referring_provider (npi, last_name) VALUES ('1679576722', 'Snow'), (NULL, 'Without a number');
RESET search_path;
