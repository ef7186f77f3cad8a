UPDATE hq.code SET units = 1 WHERE units = 0;
