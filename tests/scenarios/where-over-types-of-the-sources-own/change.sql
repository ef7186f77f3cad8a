SET search_path = hq;
INSERT INTO cpt_code (code, code_kind, description, global_modifier1, dx_pointers, inactive) VALUES
  ('A0001', 'HCPCS', 'given', 'GP', '{1,2}', false), ('A0002', 'CPT', 'another kind', NULL, NULL, false), ('A0003', 'HCPCS', 'another modifier', '59', NULL, false),
  ('A0004', 'HCPCS', 'other pointers', NULL, '{1}', false), ('A0005', 'HCPCS', 'inactive', NULL, NULL, true), ('A0006', 'HCPCS', 'given too', NULL, NULL, false);
INSERT INTO icd_code (icd_version, code, description, effective) VALUES
  (10, 'M5450', 'given', DEFAULT), (10, 'M545', 'of the past', '[2015-10-01,2021-10-01)'), (9, '7242', 'another version', DEFAULT);
RESET search_path;
