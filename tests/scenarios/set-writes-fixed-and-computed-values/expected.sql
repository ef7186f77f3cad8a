SELECT code, price, department, tier FROM north.code WHERE code = 'a01';
--> a01 | 99.00 | Shared | low
