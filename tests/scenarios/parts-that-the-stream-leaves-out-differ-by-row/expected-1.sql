SELECT name, left(body, 4), left(more, 4) FROM north.letter ORDER BY name;
--> body | BODY | m
--> both | BODY | MORE
--> more | b | MORE
--> none | b | m
--> renamed! | body | more
SELECT key, reason, unchanged FROM acequia.parked;
--> ["7"] | missing_parent | {body,more}
