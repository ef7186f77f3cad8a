-- All tables of one schema, for a snapshot: partitioned ones by their root, foreign tables and views left out.
-- $1 schema.  To try it in psql: put 'practice' in its place.
SELECT c.relname::text                                          AS "table",
       c.oid                                                    AS oid,
       pg_catalog.obj_description(c.oid, 'pg_class')            AS comment,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
         AND pg_catalog.has_table_privilege(c.oid, 'SELECT')    AS may_select,
       (SELECT coalesce(sum(greatest(l.reltuples, 0)), 0)::int8
        FROM pg_catalog.pg_class l
        WHERE l.oid = c.oid OR l.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(c.oid) p)) AS rows_estimate,
       (SELECT coalesce(sum(pg_catalog.pg_table_size(p.relid)), 0)::int8
        FROM (SELECT c.oid AS relid UNION SELECT t.relid FROM pg_catalog.pg_partition_tree(c.oid) t) p) AS size_bytes
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
ORDER BY 1;
