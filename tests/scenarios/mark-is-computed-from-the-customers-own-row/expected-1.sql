SELECT description, price, shelf FROM north.code;
--> Cholera | 10.00 | unsorted
