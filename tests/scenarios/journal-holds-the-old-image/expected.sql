SELECT j.op, r.sync, r.to_customer, r.dataset, r.key_columns, j.key, r.image_columns, j.image
FROM acequia.journal j JOIN acequia.route r ON r.id = j.route WHERE j.op = 'u' ORDER BY j.lsn LIMIT 1;
--> u | codes | north | code | {id} | (501) | {code,description,price} | (A00,"It said ""so"", in north",12.00)

SELECT count(*) FROM acequia.journal WHERE key = '(502)';
--> 0
