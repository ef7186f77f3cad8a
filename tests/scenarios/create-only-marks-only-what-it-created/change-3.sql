-- Under create-only, what is back is not made active again.
INSERT INTO hq.code VALUES (13, 'A02', 'Salmonella again', 31);
UPDATE hq.code SET inactive = false WHERE id = 1;
