INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10.5, '2026-01-01 08:00', 'CPT'), (2, 'A01', 'Typhoid', 20, NULL, 'Revenue');
