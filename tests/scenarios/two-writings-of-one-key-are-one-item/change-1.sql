INSERT INTO hq.code VALUES (1, 'G0283', 'E-stim', 10);
COMMIT;
INSERT INTO hq.code VALUES (2, 'g0283 ', 'E-stim once more', 20);
