SELECT tableoid::regclass, code, description FROM north.code ORDER BY code;
--> north.code_2026 | A00 | Cholera
--> north.code_2026 | A01 | Typhoid fever
SELECT key, reason, sqlstate FROM acequia.parked;
--> ["2030", "A02"] | rejected | 23514
