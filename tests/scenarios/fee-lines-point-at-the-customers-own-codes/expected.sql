SELECT s.name, c.code, l.fee FROM north.fee_schedule_line l
JOIN north.fee_schedule s ON s.seq_no = l.fee_schedule_seq JOIN north.cpt_code c ON c.seq_no = l.cpt_seq ORDER BY 1, 2;
--> Standard 2026 | A0425 | 12.50
--> Standard 2026 | A0427 | 300.00

SELECT fee_schedule_seq, cpt_seq, fee FROM north.fee_schedule_line ORDER BY fee;
--> 9 | 40007 | 12.50
--> 9 | 50001 | 300.00

SELECT s.name, c.code, l.fee FROM south.fee_schedule_line l
JOIN south.fee_schedule s ON s.seq_no = l.fee_schedule_seq JOIN south.cpt_code c ON c.seq_no = l.cpt_seq ORDER BY 1, 2;
--> Standard 2026 | A0425 | 12.50
--> Standard 2026 | A0427 | 300.00

SELECT min(cpt_seq), max(cpt_seq) FROM south.fee_schedule_line;
--> 701 | 702
