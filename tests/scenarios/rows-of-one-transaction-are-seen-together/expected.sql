SELECT s.name, c.code, l.fee FROM north.fee_schedule_line l
JOIN north.fee_schedule s ON s.seq_no = l.fee_schedule_seq JOIN north.cpt_code c ON c.seq_no = l.cpt_seq ORDER BY 1, 2;
--> Standard 2026 | A0425 | 12.50
SELECT code FROM north.cpt_code;
--> A0425
-- One transaction in the customer as well.
SELECT count(DISTINCT xmin::text) FROM (SELECT xmin FROM north.cpt_code UNION ALL SELECT xmin FROM north.fee_schedule UNION ALL SELECT xmin FROM north.fee_schedule_line) x;
--> 1
