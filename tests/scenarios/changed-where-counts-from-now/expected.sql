-- What does not change is not looked at again.
SELECT code, description FROM north.code ORDER BY code;
--> A01 | Typhoid
--> A02 | changed
