SELECT id, code FROM north.code ORDER BY id;
--> 1 | M5450
--> 2 | M54.59
--> 3 | M54.5
