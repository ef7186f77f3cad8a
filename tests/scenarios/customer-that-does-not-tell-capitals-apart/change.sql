-- Keys are compared as the customer compares them: the first is its own row, the third finds its place taken.
INSERT INTO hq.code VALUES (1, 'ABC', 'of hq', 10), (2, 'Def', 'capital', 20), (3, 'dEF', 'another one', 30);
