-- The customer has its own text there. The stream does not say what the master's is: it stays.
UPDATE hq.letter SET title = 'Welcome!' WHERE name = 'welcome';
