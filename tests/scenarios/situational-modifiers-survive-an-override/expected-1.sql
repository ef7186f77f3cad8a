-- Global modifiers belong to the code, situational ones to the customer.
SELECT seq_no, description, global_modifier1 FROM north.cpt_code WHERE code = 'G0283';
--> 501 | Electrical stimulation | 59
