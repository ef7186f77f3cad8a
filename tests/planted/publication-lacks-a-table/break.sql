ALTER PUBLICATION acequia_practice_practice DROP TABLE hq.code;
