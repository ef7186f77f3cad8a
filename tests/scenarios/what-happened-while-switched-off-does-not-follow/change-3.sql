UPDATE hq.code SET description = 'Cholera, unspecified' WHERE id = 1;
