DELETE FROM hq.thing WHERE x1 = 3;
UPDATE hq.thing SET m = 'M' WHERE x1 = 1;
