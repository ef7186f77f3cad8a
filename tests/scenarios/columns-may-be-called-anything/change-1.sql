INSERT INTO hq.thing (x1, p1, n, c, s, t, key, old, payload) VALUES (1, 1, 'waits', 'c', 's', 't', 'k', 'o', repeat('x', 5000));
INSERT INTO hq.parent VALUES (2, 'second', 's');
INSERT INTO hq.thing (x1, p1, n, c, s, t, key, old) VALUES (2, 2, 'fine', 'c', 's', 't', 'k', 'o'), (3, 2, 'no', 'c', 's', 't', 'k', 'refused');
