SELECT code, description, inactive FROM north.code ORDER BY code;
--> A00 | Cholera | t
--> A01 | Of north | f
--> A02 | Salmonella (deleted) | t
--> A03 | Of north | f
