UPDATE north.code SET label = 'Of north', notes = 'Of north';
COMMIT;
UPDATE hq.code SET price = price + 1;
