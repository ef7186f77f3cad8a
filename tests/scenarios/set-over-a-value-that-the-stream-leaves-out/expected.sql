SELECT code, price, length(notes), notes_length FROM north.code;
--> A00 | 11.00 | 20000 | 20000
