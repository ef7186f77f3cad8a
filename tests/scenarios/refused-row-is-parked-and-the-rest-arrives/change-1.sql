INSERT INTO hq.code (id, code, description) VALUES (1, 'A00', 'Cholera');
INSERT INTO hq.code (id, code, description) VALUES (2, 'A01', 'Typhoid fever is too long');
INSERT INTO hq.code (id, code, price) VALUES (3, 'A02', -1);
INSERT INTO hq.code (id, code, short_name) VALUES (4, 'A03', 'chol');
INSERT INTO hq.code (id, code, kind) VALUES (5, 'A04', 'Revenue');
INSERT INTO hq.code (id, code, description) VALUES (6, 'A05', 'Botulism');
