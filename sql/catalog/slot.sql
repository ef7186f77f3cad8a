-- One replication slot: whose it is, how far it is confirmed, how much WAL it holds back. What only some versions know is
-- looked up by its name: conflicting from 16 on, invalidation_reason and failover from 17 on.
-- $1 slot.
SELECT s.slot_type::text                        AS kind,
       s.plugin::text                           AS plugin,
       s.database::text                         AS database,
       s.active_pid                             AS active_pid,
       a.application_name::text                 AS holder,
       host(a.client_addr)                      AS holder_address,
       s.wal_status::text                       AS wal_status,
       s.safe_wal_size::int8                    AS safe_bytes,
       coalesce(pg_catalog.to_jsonb(s) ->> 'invalidation_reason',
                CASE WHEN (pg_catalog.to_jsonb(s) ->> 'conflicting')::bool THEN 'conflicting' END,
                CASE WHEN s.wal_status = 'lost' THEN 'wal_removed' END) AS invalidated,
       (pg_catalog.to_jsonb(s) ->> 'failover')::bool AS failover,
       s.confirmed_flush_lsn::text              AS confirmed,
       s.restart_lsn::text                      AS restart,
       pg_catalog.pg_wal_lsn_diff(w.now, s.restart_lsn)::int8         AS retained_bytes,
       pg_catalog.pg_wal_lsn_diff(w.now, s.confirmed_flush_lsn)::int8 AS behind_bytes
FROM pg_catalog.pg_replication_slots s
CROSS JOIN (SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_lsn() END AS now) w
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = s.active_pid
WHERE s.slot_name = $1::text;
