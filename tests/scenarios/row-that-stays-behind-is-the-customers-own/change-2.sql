-- The customer bills it.
INSERT INTO north.charge SELECT id FROM north.item;
