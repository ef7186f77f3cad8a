SET search_path = practice;
UPDATE cpt_code SET code = 'H0004-BH', default_price = 41 WHERE code = 'H0004';
UPDATE fee_schedule_line SET price = 11 WHERE modifier = 'GP';
DELETE FROM fee_schedule_line l USING cpt_code c WHERE c.seq_no = l.cpt_seq AND c.code = 'G0283' AND l.modifier = '';
UPDATE payer SET plan_name = 'Open Choice' WHERE payer_id = '60054';
RESET search_path;
