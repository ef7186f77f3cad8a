SELECT * FROM north.code ORDER BY year, code;
--> 2026 | A00 | Cholera, unspecified
--> 2026 | A01 | Typhoid
--> 2027 | A00 | Cholera
