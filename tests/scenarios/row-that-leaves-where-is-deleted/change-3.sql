UPDATE hq.code SET inactive = false WHERE id = 1;
