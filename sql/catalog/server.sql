-- What this server and this role can do, as far as Acequia asks.
SELECT current_setting('server_version_num')::int                   AS version,
       current_setting('wal_level')                                 AS wal_level,
       current_setting('max_replication_slots')::int                AS max_replication_slots,
       current_setting('max_wal_senders')::int                      AS max_wal_senders,
       (SELECT count(*)::int FROM pg_catalog.pg_replication_slots)  AS slots_taken,
       (SELECT count(*)::int FROM pg_catalog.pg_stat_replication)   AS senders_taken,
       (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system_identifier,
       CASE WHEN NOT pg_catalog.pg_is_in_recovery()
            THEN ('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline,
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_flush_lsn()::text END AS wal_end,
       (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AS database_oid,
       (SELECT setting::int FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout') AS wal_sender_timeout_ms,
       (SELECT setting::int8 FROM pg_catalog.pg_settings WHERE name = 'max_slot_wal_keep_size') AS slot_keep_megabytes,
       current_setting('max_locks_per_transaction')::int8           AS locks_each,
       current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8 AS transactions_max,
       current_setting('server_encoding')                           AS encoding,
       pg_catalog.pg_is_in_recovery()                               AS in_recovery,
       r.rolsuper OR r.rolreplication                               AS may_replicate,
       current_user::text                                           AS role,
       pg_catalog.has_database_privilege(current_database(), 'CREATE') AS may_create_schema,
       EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'acequia') AS has_control_schema,
       coalesce((SELECT pg_catalog.has_schema_privilege(oid, 'CREATE')
                 FROM pg_catalog.pg_namespace WHERE nspname = 'acequia'), false) AS may_write_control_schema
FROM pg_catalog.pg_roles r
WHERE r.rolname = current_user;
