SELECT name, title, length(body), left(body, 10) FROM north.letter ORDER BY name;
--> farewell | Farewell! | 10000 | hq-good-by
--> welcome | Welcome! | 10000 | hq-welcome
