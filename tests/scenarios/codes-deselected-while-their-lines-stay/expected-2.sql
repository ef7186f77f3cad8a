SELECT s.name, c.code, l.modifier, l.price, l.fee_schedule_seq > 500 AND l.cpt_seq > 500 AS "own numbers" FROM north.fee_schedule_line l
JOIN north.fee_schedule s ON s.seq_no = l.fee_schedule_seq JOIN north.cpt_code c ON c.seq_no = l.cpt_seq ORDER BY 1, 2, 3;
--> Standard | 97110 |  | 10.0000 | t
SELECT key, reason FROM acequia.parked WHERE dataset = 'fee_schedule_line' ORDER BY key;
--> ["1", "1", ""] | missing_parent
--> ["1", "1", "GP"] | missing_parent
--> ["1", "2", ""] | missing_parent
