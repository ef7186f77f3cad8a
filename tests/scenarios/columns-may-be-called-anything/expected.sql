SELECT p.c, h.n, h.c, h.s, h.t, h.key, h.old, h.claim, h.m, length(h.payload) FROM north.thing h JOIN north.parent p ON p.t1 = h.p1 ORDER BY h.n;
--> second | renamed | C | s | t | k | o | changed | (null) | (null)
--> first | waits | c | s | t | k | o | (null) | M | 5000
SELECT count(*) FROM acequia.parked;
--> 0
