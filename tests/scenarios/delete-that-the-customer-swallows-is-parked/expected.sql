SELECT code FROM north.item;
--> A
SELECT dataset, op, reason FROM acequia.parked;
--> item | delete | rejected
-- Nothing was deleted, so no image of a deleted row is kept.
SELECT count(*) FROM acequia.journal;
--> 0
