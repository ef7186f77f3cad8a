-- The shelf is a column of north's own.
UPDATE north.code SET shelf = 'top' WHERE code = 'A00';
COMMIT;
UPDATE hq.code SET inactive = true, price = 99;
