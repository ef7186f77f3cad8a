INSERT INTO hq.code VALUES ('A00', 'Cholera'), ('A01', 'Typhoid');
INSERT INTO hq.kind VALUES ('A00', 'Cholera'), ('A01', 'Typhoid');
