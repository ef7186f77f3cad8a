INSERT INTO hq.code (year, code, description) VALUES (2025, 'A00', 'Cholera'), (2026, 'A00', 'Cholera'), (2025, 'A01', 'Typhoid');
