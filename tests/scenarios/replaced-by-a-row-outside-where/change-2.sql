-- The numbers live again, as other items: one outside, one inside, one outside and then inside.
DELETE FROM hq.code;
INSERT INTO hq.code VALUES (1, 'B00', 'Other', 10, true), (2, 'B01', 'Other', 20, false), (3, 'B02', 'Other', 30, true);
UPDATE hq.code SET inactive = false WHERE id = 3;
