SELECT code, department FROM north.code ORDER BY code;
--> A00 | Aquatics
--> A01 | Shared
