-- What the demo looks with: the schema `demo`, of which Acequia knows nothing.
--
--   demo.customer       the four customers, the master first
--   demo.<table>        one view per synchronized table: the rows of all four customers, one below the other
--   demo.row_count      rows of each customer's synchronized tables
--   demo.await(…)       waits until every customer shows a change, and notes how long it took
--   demo.arrived        what await noted
--   demo.difference()   per customer and table: rows of the master that the customer lacks, or has with other values
CREATE SCHEMA demo;

CREATE TABLE demo.customer (position int PRIMARY KEY, name text NOT NULL, schema name NOT NULL);
INSERT INTO demo.customer VALUES
    (0, 'hq', 'practice'), (1, 'north', 'cust_north'), (2, 'south', 'cust_south'), (3, 'weird', 'Cust Weird-Näme');

-- How the tables are compared. `natural_key` is SQL over the customer's row `r`, with foreign keys followed to the names
-- that they mean (%1$I is the customer's schema). `carried` are the columns that the rules override; empty: create-only.
CREATE TABLE demo.data_set (name text PRIMARY KEY, natural_key text NOT NULL, carried text[] NOT NULL DEFAULT '{}');
INSERT INTO demo.data_set (name, natural_key) VALUES
    ('revenue_code', 'r.rev_code'),
    ('cpt_code', 'r.code'),
    ('icd_code', 'r.icd_version || $q$/$q$ || r.code'),
    ('icd_procedure_code', 'r.code'),
    ('remittance_code', 'r.code_type || $q$/$q$ || r.code'),
    ('adjustment_code', 'r.code'),
    ('facility', 'r.facility_code'),
    ('referring_provider', 'r.npi'),
    ('payer', 'r.payer_id || $q$/$q$ || r.plan_name'),
    ('fee_schedule', 'r.name || $q$/$q$ || r.effective'),
    ('fee_schedule_line',
     '(SELECT f.name || $q$/$q$ || f.effective FROM %1$I.fee_schedule f WHERE f.seq_no = r.fee_schedule_seq) || $q$/$q$ ||
      (SELECT c.code FROM %1$I.cpt_code c WHERE c.seq_no = r.cpt_seq) || $q$/$q$ || r.modifier'),
    ('fee_schedule_payer',
     '(SELECT f.name || $q$/$q$ || f.effective FROM %1$I.fee_schedule f WHERE f.seq_no = r.fee_schedule_seq) || $q$/$q$ ||
      (SELECT p.payer_id || $q$/$q$ || p.plan_name FROM %1$I.payer p WHERE p.seq_no = r.payer_seq)');
UPDATE demo.data_set SET carried = '{code_kind,description,additional_description,department,default_price,default_percent,
    default_units,default_charge_status,rev_code,place_of_service,clia_number,drug_code,drug_code_format,drug_quantity,
    global_modifier1,global_modifier2,global_modifier3,global_modifier4,dx_pointers,all_inclusive,percent_of_claim,
    exclude_from_duplicate_check,auth_group,inactive}' WHERE name = 'cpt_code';
UPDATE demo.data_set SET carried = '{description,billable,effective,inactive}' WHERE name = 'icd_code';
UPDATE demo.data_set SET carried = '{price,facility_price}' WHERE name = 'fee_schedule_line';

-- Each customer has enums of its own; as text they can stand in one view.
CREATE FUNCTION demo.view_columns(table_name name) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(format(CASE WHEN t.typtype = 'e' THEN '%1$I::text AS %1$I' ELSE '%1$I' END, a.attname), ', ' ORDER BY attnum)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = format('practice.%I', table_name)::regclass AND a.attnum > 0 AND NOT a.attisdropped
$$;

DO $$
DECLARE set_name text;
BEGIN
    FOR set_name IN SELECT name FROM demo.data_set LOOP
        EXECUTE format('CREATE VIEW demo.%I AS ', set_name) || (
            SELECT string_agg(format('SELECT %L AS customer, %s FROM %I.%I', c.name, demo.view_columns(set_name), c.schema, set_name),
                              ' UNION ALL ' ORDER BY c.position)
            FROM demo.customer c);
    END LOOP;
END $$;

DO $$
BEGIN
    EXECUTE 'CREATE VIEW demo.row_count AS ' || (
        SELECT string_agg(format('SELECT customer, %L AS data_set, count(*) AS rows FROM demo.%I GROUP BY customer', name, name),
                          ' UNION ALL ' ORDER BY name)
        FROM demo.data_set);
END $$;

CREATE TABLE demo.arrived (step text, customer text, after_ms numeric(12, 1), PRIMARY KEY (step, customer));

-- `shown_by` answers with the names of the customers that show the change. Called right after the master's COMMIT:
-- from then on the time counts. The answer is asked for again and again, each time with a new snapshot.
CREATE FUNCTION demo.await(step_name text, shown_by text, seconds int DEFAULT 60) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz := clock_timestamp();
    missing text;
BEGIN
    LOOP
        EXECUTE format($q$
            INSERT INTO demo.arrived
            SELECT %L, customer, 1000 * extract(epoch FROM clock_timestamp() - %L::timestamptz)
            FROM (%s) AS shown (customer) WHERE customer <> 'hq'
            ON CONFLICT DO NOTHING $q$, step_name, started, shown_by);
        SELECT string_agg(name, ', ' ORDER BY position) INTO missing FROM demo.customer c
        WHERE c.name <> 'hq' AND NOT EXISTS (SELECT FROM demo.arrived a WHERE a.step = step_name AND a.customer = c.name);
        EXIT WHEN missing IS NULL;
        IF clock_timestamp() > started + make_interval(secs => seconds) THEN
            RAISE EXCEPTION '"%" did not arrive within % s in: %', step_name, seconds, missing;
        END IF;
        PERFORM pg_sleep(0.001);
    END LOOP;
END $$;

CREATE FUNCTION demo.after(step_name text, customer_name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN customer_name = 'hq' THEN '(changed here)'
                ELSE (SELECT after_ms || ' ms' FROM demo.arrived WHERE step = step_name AND customer = customer_name) END
$$;

CREATE FUNCTION demo.difference() RETURNS TABLE (customer text, data_set text, in_master bigint, lacking bigint, different bigint)
LANGUAGE plpgsql AS $$
DECLARE
    target demo.customer;
    the_set demo.data_set;
    differs text;
BEGIN
    FOR target IN SELECT * FROM demo.customer WHERE name <> 'hq' ORDER BY position LOOP
        FOR the_set IN SELECT * FROM demo.data_set ORDER BY name LOOP
            SELECT coalesce(string_agg(format('m.%1$I::text IS DISTINCT FROM t.%1$I::text', c), ' OR '), 'false') INTO differs
            FROM unnest(the_set.carried) AS c;
            RETURN QUERY EXECUTE format($q$
                SELECT %L, %L, count(*), count(*) FILTER (WHERE t.k IS NULL), count(*) FILTER (WHERE t.k IS NOT NULL AND (%s))
                FROM (SELECT %s AS k, r.* FROM practice.%I r) m LEFT JOIN (SELECT %s AS k, r.* FROM %I.%I r) t USING (k)
                $q$, target.name, the_set.name, differs, format(the_set.natural_key, 'practice'), the_set.name,
                format(the_set.natural_key, target.schema), target.schema, the_set.name);
        END LOOP;
    END LOOP;
END $$;

-- Fails where a customer lacks a row of the master, or has other values in a column that headquarters overrides.
CREATE FUNCTION demo.expect_no_difference() RETURNS void LANGUAGE plpgsql AS $$
DECLARE what text;
BEGIN
    SELECT string_agg(format('%s.%s: %s lacking, %s different', customer, data_set, lacking, different), '; ') INTO what
    FROM demo.difference() WHERE lacking > 0 OR different > 0;
    IF what IS NOT NULL THEN
        RAISE EXCEPTION 'the customers differ from the master: %', what;
    END IF;
END $$;

-- Fails with the sentence where the condition does not hold.
CREATE FUNCTION demo.expect(holds boolean, sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF holds IS NOT TRUE THEN
        RAISE EXCEPTION 'this does not hold: %', sentence;
    END IF;
END $$;
