SELECT name, title, length(body), left(body, 10) FROM north.letter;
--> welcome | Welcome! | 10000 | no-welcome
