-- From one partition to another, and a change in place; then a partition that comes later.
UPDATE hq.code SET year = 2026 WHERE code = 'A01';
UPDATE hq.code SET description = 'Cholera, unspecified' WHERE year = 2026 AND code = 'A00';
DELETE FROM hq.code WHERE year = 2025;
CREATE TABLE hq.code_2027 PARTITION OF hq.code FOR VALUES FROM (2027) TO (2028);
INSERT INTO hq.code (year, code, description) VALUES (2027, 'A00', 'Cholera');
