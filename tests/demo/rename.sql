-- A procedure code gets another name. What identifies the row in the other customers changes; the row must not.
SET search_path = practice;
CREATE TEMP TABLE before AS SELECT customer, seq_no, code, (
    SELECT count(*) FROM demo.fee_schedule_line l WHERE (l.customer, l.cpt_seq) = (c.customer, c.seq_no)) AS lines
FROM demo.cpt_code c WHERE code = 'T1016';

UPDATE cpt_code SET code = 'T1016-CM', description = 'Case management by a nurse, each 15 minutes' WHERE code = 'T1016';

\o /dev/null
SELECT demo.await('rename', $$ SELECT customer FROM demo.cpt_code WHERE code = 'T1016-CM' $$);
SELECT demo.expect_no_difference();
SELECT demo.expect(count(*) = 0, 'no customer keeps a row under the old code') FROM demo.cpt_code WHERE code = 'T1016';
SELECT demo.expect(count(*) = 4, 'the renamed row is the row that it was') FROM demo.cpt_code JOIN before USING (customer, seq_no)
WHERE demo.cpt_code.code = 'T1016-CM';
\o

\pset title 'One row per customer, the same as before'
SELECT customer, b.seq_no || ' → ' || a.seq_no AS "id", b.code AS before, a.code AS after, a.claim_code AS "on the claim",
    b.lines || ' → ' || (SELECT count(*) FROM demo.fee_schedule_line l WHERE (l.customer, l.cpt_seq) = (a.customer, a.seq_no))
        AS "price lines",
    demo.after('rename', customer) AS "visible after"
FROM before b JOIN demo.cpt_code a USING (customer) WHERE a.code = 'T1016-CM'
ORDER BY (SELECT position FROM demo.customer c WHERE c.name = customer);
