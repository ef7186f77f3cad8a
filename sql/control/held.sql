-- Who of a flow is held, and for how long; cheap enough to be asked every other second. How many rows wait is told by
-- holds.sql and waiting.sql, and what is being copied by backfill.sql.
-- $1 flow, $2 at most so many.
SELECT h.reason, h.sync, h.to_customer, h.dataset, extract(epoch FROM clock_timestamp() - h.since)::float8 AS age
FROM acequia.hold h
WHERE h.flow = $1 AND h.reason <> 'backfill'
ORDER BY h.to_customer NULLS FIRST, h.sync NULLS FIRST, h.dataset NULLS FIRST, h.reason
LIMIT $2;
