INSERT INTO hq.code (code, description) VALUES ('A00', 'first'), ('A01', 'second');
INSERT INTO hq.line (code, number, price) SELECT id, 1, 10 FROM hq.code;
