CREATE SCHEMA hq;
CREATE TABLE hq.revenue_code (
  rev_code    text PRIMARY KEY,
  description text
);

CREATE SCHEMA north;
CREATE TABLE north.revenue_code (
  rev_code    text PRIMARY KEY,
  description text
);

-- Bills of north's own hold on to the code.
CREATE TABLE north.bill (rev_code text REFERENCES north.revenue_code);
