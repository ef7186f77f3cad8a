-- What a flow has written, per customer, what is parked there now, and since when the customer lacks a row that is parked or
-- held, with the reason. What a rule holds for its time is where it should be; what does not wait is told by lacking.sql.
-- $1 flow.
WITH written AS (
  SELECT r.to_customer, sum(c.created)::int8 AS created, sum(c.updated)::int8 AS updated, sum(c.deleted)::int8 AS deleted,
         sum(c.skipped)::int8 AS skipped, max(c.last_at) AS last_at
  FROM acequia.route r LEFT JOIN acequia.route_count c ON c.route = r.id
  WHERE r.flow = $1 GROUP BY r.to_customer
), parked AS (
  SELECT to_customer, reason, count(*) AS parked, min(first_at) AS since
  FROM acequia.parked WHERE flow = $1 GROUP BY to_customer, reason
), waiting AS (
  SELECT to_customer, sum(parked)::int8 AS parked, extract(epoch FROM now() - min(since))::float8 AS oldest
  FROM parked GROUP BY to_customer
), missing AS (
  SELECT DISTINCT ON (to_customer) to_customer, reason, extract(epoch FROM now() - since)::float8 AS age
  FROM parked WHERE reason <> 'scheduled' ORDER BY to_customer, since, reason
)
SELECT to_customer, coalesce(w.created, 0), coalesce(w.updated, 0), coalesce(w.deleted, 0), coalesce(w.skipped, 0),
       coalesce(p.parked, 0), p.oldest, to_char(w.last_at, 'YYYY-MM-DD HH24:MI:SSOF'), greatest(m.age, 0), m.reason
FROM written w FULL JOIN waiting p USING (to_customer) FULL JOIN missing m USING (to_customer)
ORDER BY 1;
