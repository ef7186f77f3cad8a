-- A fee change, one transaction: all prices up by 4 %, one price withdrawn. Also a facility's telephone number, to see
-- that create-only leaves the customers' entries alone.
SET search_path = practice;
CREATE TEMP TABLE before AS
SELECT l.customer, c.code, l.price FROM demo.fee_schedule_line l
JOIN demo.cpt_code c ON (c.customer, c.seq_no) = (l.customer, l.cpt_seq) WHERE c.code IN ('G0283', 'Q0091');
CREATE TEMP TABLE phone_before AS SELECT customer, phone FROM demo.facility WHERE facility_code = '102001';

BEGIN;
UPDATE facility SET phone = '800-555-0199' WHERE facility_code = '102001';
UPDATE cpt_code SET default_price = round(default_price * 1.04, 2) WHERE default_price > 0;
UPDATE fee_schedule_line l SET price = c.default_price FROM cpt_code c WHERE c.seq_no = l.cpt_seq;
DELETE FROM fee_schedule_line l USING cpt_code c WHERE c.seq_no = l.cpt_seq AND c.code = 'Q0091';
COMMIT;

\o /dev/null
SELECT demo.await('fees', $$
    SELECT l.customer FROM demo.fee_schedule_line l JOIN demo.cpt_code c ON (c.customer, c.seq_no) = (l.customer, l.cpt_seq)
    WHERE c.code = 'G0283' AND l.price = (SELECT default_price FROM practice.cpt_code WHERE code = 'G0283') $$);
SELECT demo.expect_no_difference();
SELECT demo.expect(count(*) = 0, 'the price that headquarters withdrew is gone everywhere (on_delete = "delete")')
FROM demo.fee_schedule_line l JOIN demo.cpt_code c ON (c.customer, c.seq_no) = (l.customer, l.cpt_seq) WHERE c.code = 'Q0091';
SELECT demo.expect(count(*) = 3, 'no customer''s facility was touched (create-only)')
FROM demo.facility f JOIN phone_before b USING (customer, phone) WHERE facility_code = '102001' AND customer <> 'hq';
SELECT demo.expect(count(*) = 1, 'a price that only South has is as it was') FROM cust_south.fee_schedule_line l
JOIN cust_south.cpt_code c ON c.seq_no = l.cpt_seq WHERE c.code = 'SOUTH-1' AND l.price = 60;
\o

\pset title 'The price of G0283 in the default fee schedule; each line points at its customer''s own code'
SELECT customer, c.seq_no AS "own id of G0283", b.price::numeric(12, 2) AS before, l.price::numeric(12, 2) AS after,
    demo.after('fees', customer) AS "visible after"
FROM demo.fee_schedule_line l
JOIN demo.cpt_code c USING (customer) JOIN before b USING (customer, code)
WHERE c.seq_no = l.cpt_seq AND c.code = 'G0283'
ORDER BY (SELECT position FROM demo.customer n WHERE n.name = customer);

\pset title 'The rest of the transaction, in each customer'
SELECT customer, count(*) FILTER (WHERE b.code = 'Q0091') || ' → ' || (
        SELECT count(*) FROM demo.fee_schedule_line l JOIN demo.cpt_code c USING (customer)
        WHERE c.seq_no = l.cpt_seq AND c.code = 'Q0091' AND l.customer = b.customer) AS "lines for Q0091 (deleted)",
    (SELECT p.phone || ' → ' || f.phone FROM phone_before p JOIN demo.facility f USING (customer)
     WHERE f.facility_code = '102001' AND customer = b.customer) AS "facility 102001 (create-only)"
FROM before b GROUP BY customer ORDER BY (SELECT position FROM demo.customer n WHERE n.name = customer);
