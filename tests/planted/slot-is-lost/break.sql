SELECT pg_create_logical_replication_slot('acequia_practice_practice', 'pgoutput');
SELECT pg_logical_emit_message(false, 'planted', repeat('x', 1000)), pg_switch_wal() FROM generate_series(1, 4);
CHECKPOINT;
