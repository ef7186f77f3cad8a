SELECT code, description FROM north.code;
--> A01 | Of north
