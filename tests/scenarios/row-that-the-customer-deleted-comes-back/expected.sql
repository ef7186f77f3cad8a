-- With its next change, and under a new number; the one that did not change stays away.
SELECT id, code, description, price FROM north.code;
--> 503 | A00 | Cholera | 11.00
