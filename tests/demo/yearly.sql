-- The yearly code update, one transaction: new codes, changed wordings, retirements. The multiple sclerosis codes and
-- the lidocaine code are those of the real updates; the changed wording is invented.
SET search_path = practice;
CREATE TEMP TABLE before AS SELECT customer, code, description, inactive FROM demo.icd_code;

BEGIN;
INSERT INTO icd_code (code, description, effective)
SELECT code, description, '[2025-10-01,)' FROM (VALUES
    ('G35A', 'Relapsing-remitting multiple sclerosis'),
    ('G35B0', 'Primary progressive multiple sclerosis, unspecified'),
    ('G35B1', 'Active primary progressive multiple sclerosis'),
    ('G35B2', 'Non-active primary progressive multiple sclerosis'),
    ('G35C0', 'Secondary progressive multiple sclerosis, unspecified'),
    ('G35C1', 'Active secondary progressive multiple sclerosis'),
    ('G35C2', 'Non-active secondary progressive multiple sclerosis'),
    ('G35D', 'Multiple sclerosis, unspecified')) AS new (code, description);
UPDATE icd_code SET description = replace(description, ', unspecified eye', ', eye not specified')
WHERE description LIKE '%, unspecified eye';
-- Retired codes stay in the table: claims of past years point at them.
UPDATE icd_code SET billable = false, inactive = true, effective = '[2024-10-01,2025-10-01)' WHERE code = 'G35';
INSERT INTO cpt_code (code, code_kind, description, default_price, rev_code)
VALUES ('J2003', 'HCPCS', 'Injection, lidocaine hydrochloride, 1 mg', 0.50, '0636');
UPDATE cpt_code SET inactive = true WHERE code = 'J2001';
COMMIT;

\o /dev/null
SELECT demo.await('yearly', $$ SELECT customer FROM demo.cpt_code WHERE code = 'J2003' $$);
SELECT demo.expect_no_difference();
SELECT demo.expect(count(*) = 8 * 4, 'all eight new codes are in all four customers') FROM demo.icd_code WHERE code ~ '^G35.';
\o

\pset title 'Diagnosis codes, by what happened to them'
SELECT customer,
    count(*) FILTER (WHERE b.code IS NULL) AS "new",
    count(*) FILTER (WHERE a.description <> b.description) AS "new wording",
    count(*) FILTER (WHERE a.inactive AND NOT b.inactive) AS "retired",
    demo.after('yearly', customer) AS "visible after"
FROM demo.icd_code a LEFT JOIN before b USING (customer, code) GROUP BY customer
ORDER BY (SELECT position FROM demo.customer c WHERE c.name = customer);

\pset title 'One of the wordings, in the customer weird'
SELECT code, right(b.description, 44) AS "… before", right(a.description, 44) AS "… after"
FROM demo.icd_code a JOIN before b USING (customer, code) WHERE customer = 'weird' AND a.description <> b.description
ORDER BY code LIMIT 1;
