-- Override: the master's writing, too.
SELECT id, code, description FROM north.code ORDER BY id;
--> 1 | M54.50 | Back pain, unspecified
--> 2 | m5451 | Back pain, vertebrogenic
--> 3 | M54.5 | Of north
