INSERT INTO hq.code VALUES (1, 'T1016', 'Case management', 10);
