INSERT INTO hq.code VALUES (1, 'A00', 'Cholera', 10, 'HCPCS'), (2, 'A01', 'Typhoid', 20, 'CPT'), (101, 'A02', 'Salmonella', 30, 'HCPCS');
