INSERT INTO acequia.checkpoint (flow, system_identifier, source_database, slot, state, lsn)
SELECT 'practice:practice', system_identifier::text, 'practice', 'acequia_practice_practice', 'live', '0/1000' FROM pg_control_system();
COMMIT;
