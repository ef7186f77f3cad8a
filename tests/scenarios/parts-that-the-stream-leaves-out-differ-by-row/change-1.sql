-- The customer has these: what the stream leaves out stays.
UPDATE hq.letter SET title = 'new', body = repeat('BODY', 1000), more = repeat('MORE', 1000) WHERE id = 1;
UPDATE hq.letter SET title = 'new', body = repeat('BODY', 1000) WHERE id = 2;
UPDATE hq.letter SET title = 'new', more = repeat('MORE', 1000) WHERE id = 3;
UPDATE hq.letter SET title = 'new' WHERE id = 4;
-- It lacks these. The first is gone and the second has another name when their long texts are asked for.
UPDATE hq.letter SET title = 'new' WHERE id IN (5, 6);
-- The last one waits for its parent.
UPDATE hq.letter SET title = 'new' WHERE id = 7;
COMMIT;
DELETE FROM hq.letter WHERE id = 5;
UPDATE hq.letter SET name = 'renamed!' WHERE id = 6;
