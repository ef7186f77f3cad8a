-- Create-only: since then the two rows have gone their own ways.
UPDATE north.code SET description = 'Of north', price = 4, shelf = 'top';
UPDATE hq.code SET price = 99;
COMMIT;
DELETE FROM hq.code;
