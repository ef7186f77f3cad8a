SET search_path = hq;
INSERT INTO remittance_code (code_type, code, report_description) VALUES ('ADJREASON', '45', 'Contractual'), ('REMARK', 'N1', 'Appeal');
INSERT INTO icd_code (icd_version, code, description) VALUES (9, '4019', 'Hypertension');
-- Its numbers are GENERATED ALWAYS.
INSERT INTO adjustment_code (code, description, direction) VALUES ('CO45', 'Contractual', 'credit');
RESET search_path;
