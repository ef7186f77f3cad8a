SELECT code, kind, origin, since, options, tags, active, units, level, valid, nothing FROM north.code ORDER BY code;
--> A00 | CPT | Custom | 2026-01-01 | {"print": true} | {a,b} | t | 1.50 | 10 | [2026-01-01,) | (null)
--> A01 | HCPCS | Custom | 2026-01-01 | {"print": true} | {a,b} | t | 1.50 | 20 | [2026-01-01,) | (null)
SELECT key, reason, sqlstate FROM acequia.parked;
--> ["3"] | rejected | 23514
