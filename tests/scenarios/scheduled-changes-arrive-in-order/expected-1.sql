-- wait
SELECT s.name, l.code, l.fee FROM north.fee_line l JOIN north.fee_schedule s ON s.id = l.schedule_id ORDER BY 1, 2;
--> Short-lived | A00 | 20.00
--> Standard | A00 | 12.00
