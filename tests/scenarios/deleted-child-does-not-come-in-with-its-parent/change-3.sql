UPDATE hq.fee_schedule SET name = name;
UPDATE hq.cpt_code SET code = code;
