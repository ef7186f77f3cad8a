INSERT INTO hq.code VALUES (1, 'A00', 'same'), (2, 'A01', 'new  ');
