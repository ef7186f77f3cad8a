-- Who of a flow is held, since when, until when, and how many rows wait because of it.
-- What is being copied is told by backfill.sql.
-- $1 flow.
SELECT h.reason, h.sync, h.to_customer, h.dataset, h.what, h.sqlstate, h.tries, h.who,
       extract(epoch FROM now() - h.since)::float8 AS age,
       CASE WHEN h.reason IN ('paused', 'overflow') AND h.next_try_at IS NULL THEN NULL
            ELSE to_char(h.next_try_at, 'YYYY-MM-DD HH24:MI:SSOF') END AS next_try,
       (SELECT count(*) FROM acequia.parked p WHERE p.flow = h.flow AND p.reason IN ('paused', 'locked', 'broken', 'scheduled', 'backfill')
           AND (h.sync IS NULL OR h.sync = p.sync) AND (h.to_customer IS NULL OR h.to_customer = p.to_customer)
           AND (h.dataset IS NULL OR h.dataset = p.dataset)) AS waiting
FROM acequia.hold h
WHERE h.flow = $1 AND h.reason <> 'backfill'
ORDER BY h.to_customer NULLS FIRST, h.sync NULLS FIRST, h.dataset NULLS FIRST, h.reason;
