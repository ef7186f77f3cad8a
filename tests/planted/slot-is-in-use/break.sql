INSERT INTO acequia.checkpoint (flow, system_identifier, source_database, slot, state, lsn)
SELECT 'practice:practice', system_identifier::text, 'practice', 'acequia_practice_practice', 'live', 'FF/0' FROM pg_control_system();
COMMIT;
SELECT pg_create_logical_replication_slot('acequia_practice_practice', 'pgoutput', true);
