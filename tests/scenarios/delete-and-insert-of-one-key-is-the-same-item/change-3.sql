-- And in the other way that programs do it: one number, two lives.
DELETE FROM hq.code WHERE id = 2;
INSERT INTO hq.code VALUES (2, 'A00', 'Cholera, once more', 12);
