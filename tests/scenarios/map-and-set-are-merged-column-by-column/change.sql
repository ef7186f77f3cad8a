INSERT INTO hq.code (code) VALUES ('A00');
INSERT INTO hq.place (code) VALUES ('P1');
