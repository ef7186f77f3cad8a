-- practice schema: hq
-- practice schema: north

INSERT INTO hq.cpt_code (seq_no, code, code_kind, description) VALUES (1, 'G0283', 'HCPCS', 'E-stim');
INSERT INTO north.cpt_code (seq_no, code, code_kind, description) VALUES (501, 'G0283', 'HCPCS', 'E-stim of north'), (502, 'G0284', 'HCPCS', 'Of north');
INSERT INTO north.cpt_situational_modifier (cpt_seq, modifier1, notes) VALUES (501, 'GP', 'of north'), (501, 'GO', 'of north');
