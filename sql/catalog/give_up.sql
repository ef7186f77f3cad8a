-- Drops the slot that was looked at, where nothing has changed since: it was not made anew, and it keeps too much. Tells where
-- the log ended by then: whatever is read from another slot lies beyond.
-- $1 slot, $2 where the log ended when it was looked at, $3 what it may keep, in bytes.
SELECT pg_catalog.pg_drop_replication_slot(s.slot_name), pg_catalog.pg_current_wal_lsn()::text AS at
FROM pg_catalog.pg_replication_slots s
WHERE s.slot_name = $1::text AND s.restart_lsn <= $2::text::pg_lsn
  AND pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn) > $3::int8;
