-- practice schema: hq
-- practice schema: north

INSERT INTO north.payer (seq_no, payer_id, plan_name, payer_name, billing_options) VALUES (501, '05302', 'WEST', 'Of north', '{"print_dates": true}');
INSERT INTO north.payer_billing_option (payer_seq, option_name, option_value) VALUES (501, 'Print dates', 'yes');
ALTER TABLE north.payer ALTER billing_options SET DEFAULT '{"from": "north"}';
