-- Only what is true goes: neither what is false nor what is unknown.
INSERT INTO hq.code (id, code, kind, inactive) VALUES
  (1, 'A00', 'HCPCS', false), (2, 'A01', 'HCPCS', true), (3, 'A02', 'HCPCS', NULL), (4, 'A03', 'CPT', false), (5, 'A04', NULL, false);
