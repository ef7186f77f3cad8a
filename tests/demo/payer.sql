-- A new payer with a fee schedule of its own, one transaction: payer, schedule, a line per procedure code at 92 % of the
-- default price, and the link between schedule and payer. Four tables, foreign keys between all of them.
SET search_path = practice;
BEGIN;
WITH new_payer AS (
    INSERT INTO payer (payer_id, plan_name, payer_name, payer_type, city, state, phone, timely_filing)
    VALUES ('ACQ01', 'PPO', 'Acequia Mutual Health', 'Commercial', 'Santa Fe', 'NM', '505-555-0142', '120 days') RETURNING seq_no
), new_schedule AS (
    INSERT INTO fee_schedule (name, effective, percent_of_base) VALUES ('Acequia Mutual PPO', '[2026-01-01,2027-01-01)', 92)
    RETURNING seq_no
), new_lines AS (
    INSERT INTO fee_schedule_line (fee_schedule_seq, cpt_seq, price)
    SELECT s.seq_no, c.seq_no, round(c.default_price * 0.92, 2) FROM new_schedule s, cpt_code c WHERE NOT c.inactive
)
INSERT INTO fee_schedule_payer (fee_schedule_seq, payer_seq) SELECT s.seq_no, p.seq_no FROM new_schedule s, new_payer p;
COMMIT;

\o /dev/null
SELECT demo.await('payer', $$
    SELECT p.customer FROM demo.payer p JOIN demo.fee_schedule_payer l ON (l.customer, l.payer_seq) = (p.customer, p.seq_no)
    WHERE p.payer_id = 'ACQ01' $$);
SELECT demo.expect_no_difference();
SELECT demo.expect(count(DISTINCT lines) = 1, 'every customer has a line for each of headquarters'' codes')
FROM (SELECT count(*) AS lines FROM demo.fee_schedule_line l JOIN demo.fee_schedule f ON (f.customer, f.seq_no) = (l.customer, l.fee_schedule_seq)
      WHERE f.name = 'Acequia Mutual PPO' GROUP BY f.customer) x;
\o

\pset title 'The payer, its schedule, and what the line for G0283 points at: ids of each customer''s own'
SELECT customer, p.seq_no AS payer, f.seq_no AS schedule,
    (SELECT count(*) FROM demo.fee_schedule_line l WHERE (l.customer, l.fee_schedule_seq) = (f.customer, f.seq_no)) AS lines,
    l.cpt_seq || ' = ' || c.code AS "a line's code", l.price::numeric(12, 2) AS price, demo.after('payer', customer) AS "visible after"
FROM demo.payer p JOIN demo.fee_schedule_payer fp USING (customer) JOIN demo.fee_schedule f USING (customer)
JOIN demo.fee_schedule_line l USING (customer) JOIN demo.cpt_code c USING (customer)
WHERE p.payer_id = 'ACQ01' AND fp.payer_seq = p.seq_no AND f.seq_no = fp.fee_schedule_seq
    AND l.fee_schedule_seq = f.seq_no AND c.seq_no = l.cpt_seq AND c.code = 'G0283'
ORDER BY (SELECT position FROM demo.customer n WHERE n.name = customer);
