INSERT INTO hq.code VALUES (2, 'A01', 'Typhoid fever', 20), (3, 'A02', 'Salmonella', 30);
