CREATE SCHEMA hq;
CREATE TABLE hq.revenue_code (
  rev_code    text PRIMARY KEY,
  description text,
  inactive    boolean NOT NULL DEFAULT false
);

CREATE SCHEMA region;
CREATE TABLE region.revenue_code (
  rev_code    text PRIMARY KEY,
  description text,
  inactive    boolean NOT NULL DEFAULT false
);

CREATE SCHEMA north;
CREATE TABLE north.revenue_code (
  rev_code    text PRIMARY KEY,
  description text,
  inactive    boolean NOT NULL DEFAULT false
);
