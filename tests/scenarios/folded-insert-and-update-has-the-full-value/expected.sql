SELECT name, title, length(body), left(body, 10) FROM north.letter;
--> hello | Be welcome | 10000 | hq-welcome
