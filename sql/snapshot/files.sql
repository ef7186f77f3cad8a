-- Which files on the server's disk hold each table of some schemas, partitions included. A table that was truncated,
-- rewritten or has lost a partition has others.
-- $1 schemas.
SELECT c.oid AS oid,
       ARRAY(SELECT p.relid::text || ':' || coalesce(pg_catalog.pg_relation_filenode(p.relid), 0)
             FROM (SELECT c.oid AS relid UNION SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) t) p
             ORDER BY p.relid) AS files
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't';
