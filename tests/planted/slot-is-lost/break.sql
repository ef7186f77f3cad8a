INSERT INTO acequia.checkpoint (flow, system_identifier, source_database, slot, state, lsn)
SELECT 'practice:practice', system_identifier::text, 'practice', 'acequia_practice_practice', 'live', '0/1' FROM pg_control_system();
COMMIT;
SELECT pg_create_logical_replication_slot('acequia_practice_practice', 'pgoutput');
COMMIT;
SELECT pg_logical_emit_message(false, 'planted', repeat('x', 1000)), pg_switch_wal() FROM generate_series(1, 4);
CHECKPOINT;
