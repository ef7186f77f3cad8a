SELECT code, description FROM north.code ORDER BY code;
--> A00 | Cholera, new
--> A01 | Typhoid
