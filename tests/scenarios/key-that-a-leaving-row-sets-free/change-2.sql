UPDATE hq.code SET inactive = true WHERE id = 1;
INSERT INTO hq.code VALUES (3, 'A00', 'Cholera, new', 30);
