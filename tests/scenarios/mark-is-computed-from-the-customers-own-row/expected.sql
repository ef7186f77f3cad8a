SELECT description, price, shelf FROM north.code;
--> Of north (retired from top) | 8.00 | top
