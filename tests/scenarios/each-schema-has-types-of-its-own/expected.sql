SELECT kind, state, price, slots FROM north.code ORDER BY state;
--> CPT | FL | 11.00 | {"(1,08:00:00)"}
--> CPT | GA | (null) | {"(2,09:30:00)"}
