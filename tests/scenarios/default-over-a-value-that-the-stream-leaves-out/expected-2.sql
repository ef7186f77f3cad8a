SELECT code, price, left(notes, 4), length(notes), length(label) FROM north.code ORDER BY code;
--> A00 | 11.00 | xxxx | 20000 | 20000
--> A01 | 21.00 | none | 4 | (null)
