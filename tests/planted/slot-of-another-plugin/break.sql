SELECT pg_create_logical_replication_slot('acequia_practice_practice', 'test_decoding');
