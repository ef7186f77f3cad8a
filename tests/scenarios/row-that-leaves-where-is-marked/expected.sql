SELECT id, code, price, inactive, shelf FROM north.code ORDER BY code;
--> 501 | A00 | 99.00 | f | top, cleared
--> 502 | A01 | 20.00 | t | no shelf, cleared
