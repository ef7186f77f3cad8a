ALTER PUBLICATION acequia_practice_practice SET TABLE hq.code (id, code);
