-- The number is used again for something else, in one transaction.
DELETE FROM hq.item WHERE id = 1;
INSERT INTO hq.item VALUES (1, 'NEW');
