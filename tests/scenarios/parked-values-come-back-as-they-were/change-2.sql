UPDATE hq.item SET code = 'there' WHERE id = 1;
