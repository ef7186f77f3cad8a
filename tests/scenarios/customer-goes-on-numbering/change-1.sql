INSERT INTO hq.code (code) VALUES ('A00'), ('A01'), ('A02');
