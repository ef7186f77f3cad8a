SELECT 'north', code, description, price, length(notes) FROM north.code UNION ALL SELECT 'south', code, description, price, length(notes) FROM south.code ORDER BY 1, 2;
--> north | A00 | Cholera | 11.00 | 20000
--> north | A01.0 | Typhoid | 20.00 | 5
--> south | A00 | Cholera | 11.00 | 20000
--> south | A01.0 | Typhoid | 20.00 | 5
