CREATE SCHEMA hq;
CREATE TABLE hq.revenue_code (
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

INSERT INTO hq.revenue_code VALUES ('0440', 'Older than the rule');
INSERT INTO north.revenue_code VALUES ('0430', 'Of north'), ('0440', 'Of north');
