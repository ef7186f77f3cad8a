-- What of a flow is parked, per customer and reason, and the age of the oldest such row.
-- $1 flow.
SELECT to_customer, reason, count(*) AS rows, extract(epoch FROM clock_timestamp() - min(first_at))::float8 AS oldest
FROM acequia.parked
WHERE flow = $1
GROUP BY to_customer, reason;
