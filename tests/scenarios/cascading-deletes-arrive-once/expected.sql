SELECT s.name, c.code, l.fee FROM north.fee_schedule_line l
JOIN north.fee_schedule s ON s.seq_no = l.fee_schedule_seq JOIN north.cpt_code c ON c.seq_no = l.cpt_seq ORDER BY 1, 2;
--> Medicare 2026 | A0425 | 30.00
-- Every old image is in the journal, children's too.
SELECT r.dataset, count(*) FROM acequia.journal j JOIN acequia.route r ON r.id = j.route WHERE j.op = 'd' GROUP BY 1 ORDER BY 1;
--> fee_schedule | 1
--> fee_schedule_line | 2
SELECT count(*) FROM acequia.parked;
--> 0
