-- Headquarters loads its reference data, 27,000 rows, nearly all in one transaction. Run in sql/practice/data (psql's \copy).
SET search_path = practice;

CREATE TEMP TABLE before AS
SELECT 'procedure code' AS item, code, description AS says, seq_no::text AS id FROM cust_south.cpt_code
UNION ALL SELECT 'diagnosis', code, description || ' ★', NULL FROM cust_south.icd_code
UNION ALL SELECT 'facility', facility_code, name, seq_no::text FROM cust_south.facility
UNION ALL SELECT 'payer', payer_id, payer_name, seq_no::text FROM cust_south.payer;

-- The default fee schedule stood in every customer before Acequia was there, so it has never been sent. Its lines will
-- be: touching it once tells Acequia which schedule is which in each customer.
UPDATE fee_schedule SET name = name;

CREATE TEMP TABLE s_referring (npi text, npi_as_generated text, last_name text, first_name text, prefix text);
\copy s_referring from 'synthea_practitioners.tsv' with (format csv, header, delimiter E'\t', quote E'\b', null '')
INSERT INTO referring_provider (npi, last_name, first_name, credentials) SELECT npi, last_name, first_name, 'MD' FROM s_referring;

\ir ../../sql/practice/load_reference.sql

-- The highest facility code is the last row of the transaction, and it takes one look into an index to see it.
\o /dev/null
SELECT demo.await('load', $$
    SELECT customer FROM demo.facility WHERE facility_code = (SELECT max(facility_code) FROM practice.facility) $$);
SELECT demo.expect_no_difference();
SELECT demo.expect(count(*) = 1, 'South keeps the facility that it had, as it had it (create-only)')
FROM cust_south.facility WHERE facility_code = '112011' AND name LIKE '%SOUTH%' AND phone = '555-0100' AND npi IS NULL;
SELECT demo.expect(count(*) = 1, 'South keeps the payer that it had, with its billing options (create-only)')
FROM cust_south.payer WHERE payer_id = '00510' AND plan_name = 'CAHABA' AND payer_name LIKE '%South%' AND billing_options ? 'print_dates';
SELECT demo.expect(count(*) = 1, 'the wording of a diagnosis is headquarters'', whether it is a favourite is South''s (excluded column)')
FROM cust_south.icd_code WHERE code = 'M5450' AND favorite AND description NOT LIKE '%South%';
SELECT demo.expect(count(*) = 1, 'South''s procedure code has headquarters'' wording, its own number and its own modifier (override)')
FROM cust_south.cpt_code c JOIN before b ON b.code = c.code AND b.id = c.seq_no::text
JOIN cust_south.cpt_situational_modifier m ON m.cpt_seq = c.seq_no
WHERE c.code = 'G0283' AND c.description NOT LIKE '%South%';
SELECT demo.expect(count(*) = 1, 'a code that only South has is as it was')
FROM cust_south.cpt_code c JOIN before b ON (b.code, b.says, b.id) = (c.code, c.description, c.seq_no::text) WHERE c.code = 'SOUTH-1';
SELECT demo.expect(count(*) = 0, 'customers number their rows themselves')
FROM demo.cpt_code c JOIN practice.cpt_code m USING (seq_no) WHERE c.customer <> 'hq';
\o

\pset title 'Rows in each customer'
WITH kind (position, what, data_sets) AS (VALUES
    (1, 'ICD-10-CM diagnoses', ARRAY['icd_code']),
    (2, 'ICD-10-PCS procedures', ARRAY['icd_procedure_code']),
    (3, 'HCPCS procedure codes', ARRAY['cpt_code']),
    (4, 'revenue, remittance, adjustment codes', ARRAY['revenue_code', 'remittance_code', 'adjustment_code']),
    (5, 'facilities', ARRAY['facility']),
    (6, 'referring providers', ARRAY['referring_provider']),
    (7, 'payers', ARRAY['payer']),
    (8, 'fee schedule lines', ARRAY['fee_schedule_line']))
SELECT what, sum(rows) FILTER (WHERE customer = 'hq') AS hq, sum(rows) FILTER (WHERE customer = 'north') AS north,
    sum(rows) FILTER (WHERE customer = 'south') AS south, sum(rows) FILTER (WHERE customer = 'weird') AS weird
FROM kind JOIN demo.row_count ON data_set = ANY (data_sets) GROUP BY position, what ORDER BY position;

\pset title 'What became of the rows that South had before'
SELECT b.item, b.code, b.says AS before, n.says AS after,
    CASE WHEN b.id IS NULL THEN '' WHEN b.id = n.id THEN 'still ' || n.id ELSE b.id || ' → ' || n.id END AS "id"
FROM before b JOIN (
    SELECT 'procedure code' AS item, code, left(description, 38) AS says, seq_no::text AS id FROM cust_south.cpt_code
    UNION ALL SELECT 'diagnosis', code, left(description, 38) || CASE WHEN favorite THEN ' ★' ELSE '' END, NULL FROM cust_south.icd_code
    UNION ALL SELECT 'facility', facility_code, name, seq_no::text FROM cust_south.facility
    UNION ALL SELECT 'payer', payer_id, payer_name, seq_no::text FROM cust_south.payer) n USING (item, code)
ORDER BY array_position(ARRAY['procedure code', 'diagnosis', 'facility', 'payer'], b.item), b.code;

\pset title 'One transaction of headquarters, in every customer'
SELECT coalesce(customer, 'together') AS customer, sum(rows) AS rows, round(max(after_ms) / 1000, 2) AS "seconds after commit",
    round(sum(rows) / max(after_ms) * 1000) AS "rows per second"
FROM demo.arrived JOIN demo.row_count USING (customer) WHERE step = 'load'
GROUP BY GROUPING SETS ((customer), ()) ORDER BY arrived.customer NULLS LAST;
