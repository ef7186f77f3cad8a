INSERT INTO hq.kind VALUES (1, 1, 'Diagnoses');
COMMIT;
INSERT INTO hq.item VALUES (1, 1, 'Cholera'), (2, 1, 'Typhoid fever');
