-- Changes of all of them: renames, swaps, values that the stream leaves out, deletes that cannot be done, parents.
INSERT INTO north.charge SELECT id, 'zq7leak' FROM north.code WHERE code = 'zq7leak deleted';
COMMIT;
UPDATE hq.code SET description = description || '!', price = price + 1;
UPDATE hq.code SET code = 'zq7leak swapping' WHERE id = 731640295118001;
UPDATE hq.code SET code = 'zq7leak fine' WHERE id = 731640295118011;
UPDATE hq.code SET code = 'zq7leak deleted' WHERE id = 731640295118001;
DELETE FROM hq.code WHERE id = 731640295118011;
UPDATE hq.letter SET title = 'zq7leak changed' WHERE name = 'zq7leak letter';
UPDATE hq.letter SET name = 'zq7leak renamed' WHERE name = 'zq7leak other';
UPDATE hq.revenue_code SET rev_code = 'zq7leak ' || repeat('too long ', 9) WHERE rev_code = 'zq7leak rev';
UPDATE hq.payer SET plan = 'zq7leak plan 2' WHERE payer_id = 'zq7leak two';
UPDATE hq.payer SET phone = 'zq7leak phone 2';
DELETE FROM hq.word WHERE word = 'zq7leak long word';
UPDATE hq.word SET word = 'zq7leak other word';
