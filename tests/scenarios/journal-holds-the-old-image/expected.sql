SELECT j.op, r.sync, r.to_customer, r.dataset, r.key_columns, j.key, r.image_columns, j.image
FROM acequia.journal j JOIN acequia.route r ON r.id = j.route WHERE j.op = 'u' AND j.key = '(501)' ORDER BY j.id LIMIT 1;
--> u | codes | north | code | {id} | (501) | {code,description,price} | (A00,"It said ""so"", in north",12.00)

-- Of a deleted row everything is kept, so that it can be put back.
SELECT j.op, j.key, r.image_columns, j.image, j.after IS NULL AS "nothing is left"
FROM acequia.journal j JOIN acequia.route r ON r.id = j.route WHERE j.op = 'd';
--> d | (503) | {id,code,description,price} | (503,A02,Salmonella,31.00) | t

SELECT count(*) FROM acequia.journal WHERE key = '(502)';
--> 0
