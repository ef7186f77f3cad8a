UPDATE hq.cpt_code SET description = 'Electrical stimulation', global_modifier1 = '59' WHERE seq_no = 1;
INSERT INTO hq.cpt_situational_modifier (cpt_seq, modifier1, notes) VALUES (1, 'KX', 'of hq');
