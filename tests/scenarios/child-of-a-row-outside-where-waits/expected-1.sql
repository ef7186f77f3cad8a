SELECT s.name, c.code, l.modifier, l.price, l.fee_schedule_seq > 500 AND l.cpt_seq > 500 AS "own numbers" FROM north.fee_schedule_line l
JOIN north.fee_schedule s ON s.seq_no = l.fee_schedule_seq JOIN north.cpt_code c ON c.seq_no = l.cpt_seq ORDER BY 1, 2, 3;
--> Standard | 97165 |  | 20.0000 | t
SELECT dataset, reason, waits_for FROM acequia.parked;
--> fee_schedule_line | missing_parent | cpt_code
