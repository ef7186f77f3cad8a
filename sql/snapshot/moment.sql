-- The moment of the transaction at hand: its snapshot for other sessions, the position in the WAL, the server's clock.
SELECT pg_catalog.pg_export_snapshot() AS snapshot,
       (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
             ELSE pg_catalog.pg_current_wal_lsn() END)::text AS lsn,
       to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS as_of;
