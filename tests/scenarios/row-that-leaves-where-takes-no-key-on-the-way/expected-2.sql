-- What leaves stays as it was given, under its name; so the other one has no place.
SELECT code, description, shelf FROM north.code ORDER BY code;
--> A00 | Cholera | left
--> A01 | Typhoid | (null)
--> B00 | Herpes | (null)
--> B01 | Varicella | left

SELECT code, description FROM east.code ORDER BY code;
--> A00 | Cholera
--> A01 | Typhoid
--> B00 | Herpes
--> B01 | Varicella

SELECT to_customer, key, reason FROM acequia.parked ORDER BY 1, 2;
--> east | ["A00"] | rejected
--> east | ["B01"] | rejected
--> north | ["A00"] | rejected
--> north | ["B01"] | rejected

-- What leaves and is deleted is in nobody's way.
SELECT code, description FROM south.code ORDER BY code;
--> A00 | Typhoid
--> B01 | Herpes
