SELECT code, description, price, department, label, tier FROM north.code ORDER BY code;
--> a00 | Cholera | 11.00 | Shared | A00: Cholera | low
--> a01 | (null) | 132.00 | Shared | A01: no text | high
--> a02 | Salmonella | (null) | Shared | A02: Salmonella | open
