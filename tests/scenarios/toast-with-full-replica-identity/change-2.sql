DELETE FROM hq.letter WHERE name = 'welcome';
