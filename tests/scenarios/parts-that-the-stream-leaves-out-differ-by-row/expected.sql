SELECT l.name, title, length(body), length(more), a.name FROM north.letter l JOIN north.author a ON a.id = l.of_id;
--> waits | new | 4000 | 4000 | Dr. Snow
SELECT count(*) FROM acequia.parked;
--> 0
