CREATE SCHEMA hq;
CREATE TABLE hq.code (
  id bigint GENERATED ALWAYS AS IDENTITY, year int NOT NULL, code text NOT NULL, description text,
  PRIMARY KEY (year, code)
) PARTITION BY RANGE (year);
CREATE TABLE hq.code_2025 PARTITION OF hq.code FOR VALUES FROM (2025) TO (2026);
CREATE TABLE hq.code_2026 PARTITION OF hq.code FOR VALUES FROM (2026) TO (2027);

CREATE SCHEMA north;
CREATE TABLE north.code (year int, code text, description text, PRIMARY KEY (year, code));
