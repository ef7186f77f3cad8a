INSERT INTO hq.payer (seq_no, payer_id, plan_name, payer_name, billing_options) VALUES (1, '05302', 'WEST', 'Medicare', '{"a": 1}'), (2, '05302', 'EAST', 'Medicare', '{"a": 2}'), (3, '05302', '', 'Medicare', '{}');
INSERT INTO hq.payer_billing_option (payer_seq, option_name, option_value) VALUES (1, 'Print dates', 'no');
