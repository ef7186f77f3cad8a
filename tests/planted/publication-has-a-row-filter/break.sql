ALTER PUBLICATION acequia_practice_practice SET TABLE hq.code WHERE (id > 10);
