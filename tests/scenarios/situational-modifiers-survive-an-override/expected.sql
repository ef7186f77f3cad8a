SELECT c.code, c.inactive, m.modifier1, m.notes FROM north.cpt_situational_modifier m JOIN north.cpt_code c ON c.seq_no = m.cpt_seq ORDER BY m.modifier1;
--> G0283X | t | GO | of north
--> G0283X | t | GP | of north
