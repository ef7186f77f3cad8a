SELECT s.name, c.code, l.fee FROM north.fee_schedule_line l
JOIN north.fee_schedule s ON s.seq_no = l.fee_schedule_seq JOIN north.cpt_code c ON c.seq_no = l.cpt_seq ORDER BY 1, 2;
--> Standard 2026 | A0425 | 10.00
SELECT dataset, reason, waits_for, waits_key FROM acequia.parked;
--> fee_schedule_line | missing_parent | cpt_code | ["9"]
