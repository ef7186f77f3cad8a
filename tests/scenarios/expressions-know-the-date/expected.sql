SELECT code, taken_over >= current_date - 1 FROM north.code;
--> A00 | t
