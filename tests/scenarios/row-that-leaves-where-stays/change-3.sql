-- Out of sight it goes on changing.
UPDATE hq.code SET description = 'Cholera, unspecified', code = 'A00.9' WHERE id = 1;
