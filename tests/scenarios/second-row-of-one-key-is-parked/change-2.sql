UPDATE hq.code SET description = 'The other plan' WHERE id = 2;
