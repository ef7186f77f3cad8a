-- One batch: the INSERT brings the long text, the UPDATEs leave it out.
INSERT INTO hq.letter VALUES (1, 'welcome', 'Welcome', repeat('hq-welcome', 1000));
COMMIT;
UPDATE hq.letter SET title = 'Welcome!' WHERE name = 'welcome';
COMMIT;
UPDATE hq.letter SET title = 'Be welcome', name = 'hello' WHERE name = 'welcome';
