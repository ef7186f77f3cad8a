-- Another writing of the same code is the same row; another code too, once the two are linked.
UPDATE hq.code SET code = 'M5450' WHERE id = 1;
UPDATE hq.code SET code = 'M54.59' WHERE id = 2;
