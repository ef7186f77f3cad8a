UPDATE hq.code SET price = 11, description = 'Cholera, unspecified' WHERE id = 1;
