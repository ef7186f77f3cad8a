-- North calls it something else.
UPDATE north.cpt_code SET code = 'Exercises' WHERE code = '97110X';
COMMIT;
UPDATE hq.fee_schedule_line SET price = 13 WHERE modifier = 'GP';
