-- Ends the process that reads the slot that was looked at, where nothing has changed since (see give_up.sql), and waits for it.
-- $1 slot, $2 where the log ended when it was looked at, $3 what it may keep, in bytes, $4 the process, $5 waits so long, in
-- milliseconds.
SELECT pg_catalog.pg_terminate_backend(s.active_pid, $5::int8)
FROM pg_catalog.pg_replication_slots s
WHERE s.slot_name = $1::text AND s.restart_lsn <= $2::text::pg_lsn
  AND pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn) > $3::int8
  AND s.active_pid = $4::int4;
