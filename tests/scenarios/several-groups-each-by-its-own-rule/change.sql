INSERT INTO hq.code VALUES (1, 'A00', 'hq'), (2, 'A01', 'hq');
INSERT INTO hq.place VALUES (1, 'P1', 'hq'), (2, 'P2', 'hq');
INSERT INTO east.code VALUES (1, 'A00', 'east');
INSERT INTO east.place VALUES (1, 'P1', 'east');
