UPDATE hq.parent SET s = 'now' WHERE t1 = 1;
UPDATE hq.thing SET c = 'C', claim = 'changed', n = 'renamed' WHERE x1 = 2;
UPDATE hq.thing SET old = 'let in' WHERE x1 = 3;
