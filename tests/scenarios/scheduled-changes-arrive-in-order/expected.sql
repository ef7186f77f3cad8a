-- wait
SELECT s.id IN (501, 502) AS "the same row", s.name, l.code, l.fee FROM north.fee_line l JOIN north.fee_schedule s ON s.id = l.schedule_id ORDER BY 2, 3;
--> t | Standard 2027 | A00 | 12.00
--> t | Standard 2027 | A01 | 30.00
SELECT count(*) FROM north.fee_schedule;
--> 1

SELECT count(*) FROM acequia.parked;
--> 0
