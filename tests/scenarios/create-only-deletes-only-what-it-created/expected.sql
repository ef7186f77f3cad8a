SELECT id, code, description FROM north.code;
--> 501 | A00 | Of north
