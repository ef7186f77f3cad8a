UPDATE hq.code SET inactive = true;
