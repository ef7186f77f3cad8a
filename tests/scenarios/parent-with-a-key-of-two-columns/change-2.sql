UPDATE hq.plan SET rate = 2;
