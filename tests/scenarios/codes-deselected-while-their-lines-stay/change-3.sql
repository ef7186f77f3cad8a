INSERT INTO north.cpt_code VALUES (801, '97165');
COMMIT;
UPDATE hq.cpt_code SET code = code;
-- acequia parked retry
