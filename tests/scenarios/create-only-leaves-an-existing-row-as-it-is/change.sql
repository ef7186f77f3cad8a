UPDATE hq.code SET description = 'Cholera, new wording', price = 11 WHERE code = 'A00';
INSERT INTO hq.code VALUES (2, 'A01', 'Typhoid fever', 20);
