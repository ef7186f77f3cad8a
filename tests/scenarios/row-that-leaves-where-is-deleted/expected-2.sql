SELECT id, code, description FROM north.code;
--> 3 | A02 | Of north
