INSERT INTO north.favorite VALUES (501, 'Dr. Snow');
COMMIT;
DELETE FROM hq.code WHERE id = 1;
INSERT INTO hq.code VALUES (2, 'A00', 'Cholera, unspecified', 11);
