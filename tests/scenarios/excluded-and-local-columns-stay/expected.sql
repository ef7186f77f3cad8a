-- What was there keeps the customer's values; what is new gets the customer's defaults.
SELECT code, description, favorite, shelf, updated_at = '2021-01-01' AS "as before" FROM north.code ORDER BY code;
--> A00 | Cholera, unspecified | t | top | t
--> A01 | Typhoid fever | f | unsorted | f
