-- Since when customers of a flow lack rows that don't wait in the target: they were dropped, or are yet to be copied.
-- $1 flow.
SELECT to_customer, reason, extract(epoch FROM clock_timestamp() - min(since))::float8 AS oldest
FROM acequia.hold
WHERE flow = $1 AND reason IN ('overflow', 'backfill') AND to_customer IS NOT NULL
GROUP BY to_customer, reason;
