-- The rule of "code" needs a crosswalk, that of "kind" does not.
CREATE SCHEMA hq;
CREATE TABLE hq.code (
  code        text PRIMARY KEY,
  description text
);
CREATE TABLE hq.kind (
  kind        text PRIMARY KEY,
  description text
);

CREATE SCHEMA north;
CREATE TABLE north.code (
  code        text PRIMARY KEY,
  description text
);
CREATE TABLE north.kind (
  kind        text PRIMARY KEY,
  description text
);

CREATE SCHEMA south;
CREATE TABLE south.code (
  code        text PRIMARY KEY,
  description text
);
CREATE TABLE south.kind (
  kind        text PRIMARY KEY,
  description text
);
