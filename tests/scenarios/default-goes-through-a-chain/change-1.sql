INSERT INTO hq.provider VALUES (1, '1679576722', '0222'), (2, '1234567893', '0222');
INSERT INTO hq.cpt_code VALUES (1, '97110', '0333'), (2, '97165', '0333');
COMMIT;
INSERT INTO hq.line VALUES
  (1, 'of the line', 1, 1, '0100'), (2, 'of the code', 1, 1, NULL), (3, 'of the provider', 2, 1, NULL),
  (4, 'of the practice', 2, 2, NULL), (5, 'without a provider', 2, NULL, NULL);
