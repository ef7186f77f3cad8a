CREATE SCHEMA hq;
CREATE TABLE hq.code (
  code        text PRIMARY KEY,
  description text,
  inactive    boolean NOT NULL DEFAULT false
);

CREATE SCHEMA north;
CREATE TABLE north.code (
  code        text PRIMARY KEY,
  description text,
  inactive    boolean NOT NULL DEFAULT false,
  shelf       text
);

CREATE SCHEMA south;
CREATE TABLE south.code (
  code        text PRIMARY KEY,
  description text,
  inactive    boolean NOT NULL DEFAULT false,
  shelf       text
);

CREATE SCHEMA east;
CREATE TABLE east.code (
  code        text PRIMARY KEY,
  description text,
  inactive    boolean NOT NULL DEFAULT false,
  shelf       text
);
