INSERT INTO hq.code (id, code, effective) VALUES (1, 'A00', '2015-10-01'), (2, 'A01', 'infinity'), (3, 'A02', NULL);
