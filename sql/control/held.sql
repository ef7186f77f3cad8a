-- Who of a flow is held, and for how long; cheap enough to be asked every other second. A copy that waits for a yes is
-- `unconfirmed`. How many rows wait is told by holds.sql and waiting.sql, and how far a copy is by backfill.sql.
-- The worst first: what is cut off is no worse. $1 flow, $2 at most so many.
SELECT CASE WHEN h.reason = 'backfill' AND (h.sync, h.to_customer, h.dataset) IN (
         SELECT b.sync, b.to_customer, b.dataset FROM acequia.backfill b WHERE b.flow = $1 AND b.state = 'unconfirmed')
       THEN 'unconfirmed' ELSE h.reason END AS reason,
       h.sync, h.to_customer, h.dataset, extract(epoch FROM clock_timestamp() - h.since)::float8 AS age
FROM acequia.hold h
WHERE h.flow = $1
ORDER BY CASE h.reason WHEN 'overflow' THEN 0 WHEN 'backfill' THEN 2 WHEN 'scheduled' THEN 3 ELSE 1 END,
         h.to_customer NULLS FIRST, h.sync NULLS FIRST, h.dataset NULLS FIRST, h.reason
LIMIT $2;
