-- One replication slot: whose it is, how far it is confirmed, how much WAL it holds back.
-- $1 slot.
SELECT s.slot_type::text                        AS kind,
       s.plugin::text                           AS plugin,
       s.database::text                         AS database,
       s.active_pid                             AS active_pid,
       a.application_name::text                 AS holder,
       host(a.client_addr)                      AS holder_address,
       s.wal_status::text                       AS wal_status,
       s.confirmed_flush_lsn::text              AS confirmed,
       s.restart_lsn::text                      AS restart,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn)::int8         AS retained_bytes,
       pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.confirmed_flush_lsn)::int8 AS behind_bytes
FROM pg_catalog.pg_replication_slots s
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
WHERE s.slot_name = $1::text;
