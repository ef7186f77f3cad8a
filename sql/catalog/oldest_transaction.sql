-- Who holds up the making of a slot: the session whose transaction is the oldest of those that have written something.
SELECT a.pid                              AS pid,
       coalesce(a.application_name, '')   AS application
FROM pg_catalog.pg_stat_activity a
WHERE a.backend_xid IS NOT NULL AND a.pid <> pg_catalog.pg_backend_pid()
ORDER BY pg_catalog.age(a.backend_xid) DESC
LIMIT 1;
