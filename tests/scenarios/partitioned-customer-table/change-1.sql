INSERT INTO hq.code VALUES (2025, 'A00', 'Cholera'), (2026, 'A01', 'Typhoid'), (2030, 'A02', 'No partition takes it');
