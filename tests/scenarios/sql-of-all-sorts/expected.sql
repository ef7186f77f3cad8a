SELECT id = 1 AS "its own", "upper", r1, r2, r3, r4, r5, r6, r7, r8, r9, r10 FROM north.item ORDER BY 2;
--> t | abc | ab1z | 11 | xyz | 2026-07-01 08:00:00 | {"k": "v", "s": 2, "t": "p"} | t | 2026-07xy | {1,2,2,1} | p,xyztrue | 30.00
--> f | abd | ab1z | 12 | xyz | 2026-07-01 08:00:00 | {"k": "v", "s": 3, "t": "p"} | t | 2026-07xy | {1,3,1} | p,xyztrue | 45.00
--> f | abf | ab1z | 11 | --yz | 2026-12-01 07:00:00 | {"k": "v", "s": 4, "t": "q"} | f | 2026-12xy | {1,3,4,1} | q,xyzfalse | 60.00

SELECT count(*) FROM acequia.parked;
--> 0
