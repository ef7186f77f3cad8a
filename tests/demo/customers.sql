-- What makes the customers each their own before anything is synchronized.
--
-- Numbering: each customer counts its rows from somewhere else, as customers that have lived a while do. A row that kept
-- the master's number by mistake would be seen at once.
DO $$
DECLARE c record; t text;
BEGIN
    FOR c IN SELECT * FROM (VALUES ('cust_north', 10001), ('cust_south', 20001), ('Cust Weird-Näme', 30001)) AS v (schema, first_id) LOOP
        FOREACH t IN ARRAY ARRAY['cpt_code', 'facility', 'payer', 'fee_schedule', 'referring_provider', 'adjustment_code'] LOOP
            EXECUTE format('ALTER TABLE %I.%I ALTER COLUMN seq_no RESTART WITH %s', c.schema, t, c.first_id);
        END LOOP;
    END LOOP;
END $$;

-- South has been in business before it joined: rows of its own, which the master will send too, under other numbers.
SET search_path = cust_south;
BEGIN;
INSERT INTO revenue_code (rev_code, description) VALUES ('0420', 'Physical therapy, South''s wording');
-- Two procedure codes that the master has, with South's own words and prices, and one that nobody else has.
INSERT INTO cpt_code (code, code_kind, description, default_price, rev_code, department) VALUES
    ('G0283', 'HCPCS', 'E-stim, South''s wording', 31.00, '0420', NULL),
    ('H0004', 'HCPCS', 'Counseling, South''s wording', 40.00, NULL, NULL),
    ('SOUTH-1', 'Custom', 'Pool therapy, only in South', 60.00, '0420', 'Aquatics');
INSERT INTO fee_schedule_line (fee_schedule_seq, cpt_seq, price)
SELECT f.seq_no, c.seq_no, c.default_price FROM fee_schedule f, cpt_code c WHERE f.is_default;
-- Hangs on the code by ON DELETE CASCADE: an override that deletes and inserts would take it away.
INSERT INTO cpt_situational_modifier (cpt_seq, payer_type, modifier1, notes)
SELECT seq_no, 'Medicare', 'GP', 'only in South' FROM cpt_code WHERE code = 'G0283';
-- A diagnosis that South marked as a favourite.
INSERT INTO icd_code (code, description, favorite) VALUES ('M5450', 'LBP, South''s wording', true);
-- A facility and a payer that South keeps under its own names: create-only must leave them alone.
INSERT INTO facility (facility_code, name, phone) VALUES ('112011', 'SELECT SPECIALTY (SOUTH''S ENTRY)', '555-0100');
INSERT INTO payer (payer_id, plan_name, payer_name, payer_type, billing_options)
VALUES ('00510', 'CAHABA', 'Medicare Alabama (South''s entry)', 'Medicare', '{"print_dates": true}');
COMMIT;
RESET search_path;
