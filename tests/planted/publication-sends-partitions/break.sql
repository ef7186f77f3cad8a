ALTER PUBLICATION acequia_practice_practice SET (publish_via_partition_root = false);
