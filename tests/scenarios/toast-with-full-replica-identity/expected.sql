SELECT name FROM north.letter;
--> farewell
