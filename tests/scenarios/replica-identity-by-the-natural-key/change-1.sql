INSERT INTO hq.payer VALUES (2, '05302', 'Silver', '2'), (3, '60054', 'Open', '3');
UPDATE hq.payer SET phone = '11' WHERE seq_no = 1;
