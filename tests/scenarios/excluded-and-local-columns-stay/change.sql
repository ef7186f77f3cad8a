UPDATE hq.code SET description = 'Cholera, unspecified', favorite = false, updated_at = '2022-01-01' WHERE code = 'A00';
INSERT INTO hq.code VALUES (2, 'A01', 'Typhoid fever', true, '2022-01-01');
