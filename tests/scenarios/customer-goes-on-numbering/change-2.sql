-- No number of the master's was taken over, none of north's is in its own way.
INSERT INTO north.code (code, description) VALUES ('B00', 'Of north'), ('B01', 'Of north');
COMMIT;
INSERT INTO hq.code (code) VALUES ('A03');
