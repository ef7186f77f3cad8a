SELECT c.id, code, description, price, who FROM north.code c JOIN north.favorite f ON f.code_id = c.id;
--> 501 | A00 | Cholera, once more | 12.00 | Dr. Snow
