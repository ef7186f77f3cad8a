DELETE FROM hq.cpt_situational_modifier;
DELETE FROM hq.cpt_code WHERE seq_no = 1;
