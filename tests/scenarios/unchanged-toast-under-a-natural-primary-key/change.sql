UPDATE hq.letter SET title = 'new' WHERE name = 'a';
UPDATE hq.letter SET name = 'B' WHERE name = 'b';
UPDATE hq.letter SET name = 'C', title = 'new' WHERE name = 'c';
COMMIT;
UPDATE hq.letter SET name = 'C2' WHERE name = 'C';
