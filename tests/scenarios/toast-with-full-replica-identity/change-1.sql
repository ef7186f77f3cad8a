-- The long text stands in the old row only: it is known, and overrides.
UPDATE hq.letter SET title = 'Welcome!' WHERE name = 'welcome';
UPDATE hq.letter SET title = 'Farewell!' WHERE name = 'farewell';
