-- practice schema: hq
-- practice schema: north

INSERT INTO north.remittance_code (code_type, code, report_description) VALUES ('ADJREASON', '45', 'Of north'), ('REMARK', '45', 'Of north');
INSERT INTO north.icd_code (icd_version, code, description, favorite) VALUES (9, '4019', 'Of north', true), (10, '4019', 'Of north', true);
