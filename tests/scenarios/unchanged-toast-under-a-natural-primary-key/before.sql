CREATE SCHEMA hq;
CREATE TABLE hq.letter (name text PRIMARY KEY, title text, body text);
ALTER TABLE hq.letter ALTER body SET STORAGE EXTERNAL;

CREATE SCHEMA north;
CREATE TABLE north.letter (name text PRIMARY KEY, title text, body text);
ALTER TABLE north.letter ALTER body SET STORAGE EXTERNAL;

INSERT INTO hq.letter VALUES ('a', '', repeat('body', 1000)), ('b', '', repeat('body', 1000)), ('c', '', repeat('body', 1000));
INSERT INTO north.letter VALUES ('a', '', 'own'), ('b', '', 'own');
