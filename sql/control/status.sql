-- What a flow has written, per customer, and what is parked there now.
-- $1 flow.
WITH written AS (
  SELECT r.to_customer, sum(c.created)::int8 AS created, sum(c.updated)::int8 AS updated, sum(c.deleted)::int8 AS deleted,
         sum(c.skipped)::int8 AS skipped, max(c.last_at) AS last_at
  FROM acequia.route r LEFT JOIN acequia.route_count c ON c.route = r.id
  WHERE r.flow = $1 GROUP BY r.to_customer
), waiting AS (
  SELECT to_customer, count(*) AS parked, extract(epoch FROM now() - min(first_at))::float8 AS oldest
  FROM acequia.parked WHERE flow = $1 GROUP BY to_customer
)
SELECT to_customer, coalesce(w.created, 0), coalesce(w.updated, 0), coalesce(w.deleted, 0), coalesce(w.skipped, 0),
       coalesce(p.parked, 0), p.oldest, to_char(w.last_at, 'YYYY-MM-DD HH24:MI:SSOF')
FROM written w FULL JOIN waiting p USING (to_customer)
ORDER BY 1;
