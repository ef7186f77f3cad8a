ALTER PUBLICATION acequia_practice_practice SET (publish = 'insert');
