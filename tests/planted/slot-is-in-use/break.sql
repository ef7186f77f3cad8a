SELECT pg_create_logical_replication_slot('acequia_practice_practice', 'pgoutput', true);
COMMIT;
INSERT INTO acequia.checkpoint (flow, system_identifier, source_database, slot, state, lsn)
SELECT 'practice:practice', system_identifier::text, 'practice', 'acequia_practice_practice', 'live', pg_current_wal_flush_lsn()
FROM pg_control_system();
