SELECT code, taken_over = current_date FROM north.code;
--> A00 | t
