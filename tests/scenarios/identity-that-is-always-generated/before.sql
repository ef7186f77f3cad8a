CREATE SCHEMA hq;
CREATE TABLE hq.code (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code        text NOT NULL UNIQUE,
  description text,
  price       numeric(8,2)
);

CREATE SCHEMA north;
CREATE TABLE north.code (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code        text NOT NULL UNIQUE,
  description text,
  price       numeric(8,2)
);

SELECT setval('north.code_id_seq', 500);
