INSERT INTO hq.code VALUES (1, 'CPT', 'FL', 10.5, ARRAY[(1, '08:00')::hq.slot_t]), (2, 'HCPCS', 'GA', NULL, NULL);
