UPDATE hq.family SET name = 'All codes' WHERE id = 1;
