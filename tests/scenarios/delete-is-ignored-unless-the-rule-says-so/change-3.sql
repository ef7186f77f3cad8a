-- Another item of that name at the source: it is the customer's row again.
INSERT INTO hq.code VALUES (7, 'A00', 'Cholera, unspecified', 11);
