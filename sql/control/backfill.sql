-- What of a flow is copied at the moment: routes that have come equally far are one row.
-- $1 flow, $2 sync, $3 customer, $4 data set (NULL: all).
SELECT b.state, b.sync, b.from_customer, b.dataset, b.resync, array_agg(b.to_customer ORDER BY b.to_customer) AS customers,
       b.rows, max(b.estimate) AS estimate, max(extract(epoch FROM now() - b.copied_from))::float8 AS seconds,
       sum(p.waiting)::int8 AS waiting, min(b.who) AS who
FROM acequia.backfill b
CROSS JOIN LATERAL (SELECT count(*) AS waiting FROM acequia.parked p WHERE p.from_customer = b.from_customer
  AND p.to_customer = b.to_customer AND p.dataset = b.dataset AND p.reason = 'backfill') p
WHERE b.flow = $1 AND b.state <> 'live' AND ($2::text IS NULL OR b.sync = $2) AND ($3::text IS NULL OR b.to_customer = $3)
  AND ($4::text IS NULL OR b.dataset = $4)
GROUP BY b.state, b.sync, b.from_customer, b.dataset, b.resync, b.rows
ORDER BY b.sync, b.dataset, b.state, b.rows DESC;
