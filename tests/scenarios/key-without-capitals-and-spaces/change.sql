INSERT INTO hq.code VALUES (1, 'G0283', 'E-stim', 10), (2, 'm5450', 'Back pain', 20), (3, ' h0004 ', 'Counseling', 30);
